import fc from 'fast-check'
import { expect } from 'vitest'
import { defineQueueable, isMillraceError } from '../../packages/millrace/src/index.ts'
import type { Installation } from './installation.ts'
import {
  hourMs,
  retryAfterMs,
  until,
  type Behaviour,
  type Model,
  type ModelJob,
  type Queue,
  type Unique,
} from './model.ts'

/** Runs of the handlers, by job. */
export const runs = new Map<string, number>()

const worthMeeting = [
  'duplicate',
  'replaces',
  'aborted',
  'repeated',
  'lost',
  'handed back',
  'parked',
  'pruned',
  'failed',
] as const
type Met = (typeof worthMeeting)[number]
/** What the commands met: a property that never meets what it is about proves nothing. */
export const met = new Set<Met>()
export const unmet = (): Met[] => worthMeeting.filter((one) => !met.has(one))

const retry = { attempts: 2, backoff: 'fixed', initial: '10 minutes', jitter: 'none' } as const

async function execute(behaviour: Behaviour, ctx: { readonly jobId: string }): Promise<void> {
  const before = runs.get(ctx.jobId) ?? 0
  runs.set(ctx.jobId, before + 1)
  if (behaviour === 'broken' || (behaviour === 'flaky' && before === 0)) throw new Error('not now')
}

const plain = defineQueueable({ name: 'plain', retry, execute })
const limited = defineQueueable({ name: 'limited', retry, concurrency: 1, execute })
export const definitions = [plain, limited]

type Command = fc.AsyncCommand<Model, Installation>

/** After every command: each job is where the model has it, and ran as often. */
async function agree(model: Model, { mill }: Installation): Promise<void> {
  for (const job of model.jobs) {
    expect(runs.get(job.id) ?? 0, `runs of ${job.id}`).toBe(job.runs)
    const found = await mill.jobs.get(job.id).catch((error: unknown) => {
      if (isMillraceError(error, 'MILL_JOB_UNKNOWN')) return null
      throw error
    })
    expect(found === null, `pruned ${job.id}`).toBe(job.pruned)
    if (found === null) continue
    const ended = found.finishedAt === null ? null : found.substatus
    expect([ended, found.attempt], job.id).toEqual([job.end?.substatus ?? null, job.attempt])
  }
}

function command(
  told: string,
  run: (model: Model, real: Installation) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true,
): Command {
  return {
    check,
    async run(model, real) {
      await run(model, real)
      await agree(model, real)
    },
    toString: () => told,
  }
}

interface Enqueue {
  readonly behaviour: Behaviour
  readonly queue: Queue
  readonly isLimited: boolean
  readonly isDelayed: boolean
  readonly unique: Unique | undefined
}

function enqueue({ behaviour, queue, isLimited, isDelayed, unique }: Enqueue): Command {
  const told = JSON.stringify({ behaviour, queue, isLimited, isDelayed, unique })
  return command(`enqueue ${told}`, async (model, { mill }) => {
    const meets = unique === undefined ? ({ kind: 'free' } as const) : model.meets(unique)
    const options = {
      queue,
      ...(isDelayed ? { delay: '1 hour' as const } : {}),
      ...(unique === undefined ? {} : { unique: { ...unique, until: until[unique.until] } }),
    }
    // A key belongs to a definition.
    const definition = isLimited && unique === undefined ? limited : plain
    const made = await mill.enqueue(definition, behaviour, options).catch((error: unknown) => {
      if (isMillraceError(error, 'MILL_DUPLICATE')) return { id: error.data['jobId'], duplicate: 'refused' }
      throw error
    })
    if (meets.kind === 'duplicate') {
      met.add('duplicate')
      const duplicate = unique?.on === 'return' ? true : 'refused'
      expect(made).toMatchObject({ id: meets.holder.id, duplicate })
      return
    }
    expect(made.duplicate).toBe(false)
    if (meets.kind === 'replaces') {
      met.add('replaces')
      model.end(meets.holder, 'replaced')
    }
    model.add(made.id as string, behaviour, queue, isDelayed ? hourMs : 0, unique)
  })
}

const any = ({ jobs }: Readonly<Model>): boolean => jobs.length > 0

function picked({ jobs }: Model, nth: number): ModelJob {
  const job = jobs[nth % jobs.length]
  if (job === undefined) throw new Error('there are no jobs')
  return job
}

function abort(nth: number): Command {
  return command(
    `abort ${nth}`,
    async (model, { mill }) => {
      const job = picked(model, nth)
      const answer = await mill.jobs.abort(job.id).catch((error: unknown) => (error as { code: string }).code)
      expect(answer).toBe(job.pruned ? 'MILL_JOB_UNKNOWN' : job.end === null ? 'aborted' : 'ended')
      if (job.end !== null) return
      met.add('aborted')
      model.end(job, 'aborted')
    },
    any,
  )
}

function retryEnded(nth: number): Command {
  return command(
    `retry ${nth}`,
    async (model, { mill }) => {
      const job = picked(model, nth)
      const made = await mill.jobs.retry(job.id).catch((error: unknown) => (error as { code: string }).code)
      if (job.pruned) expect(made).toBe('MILL_JOB_UNKNOWN')
      else if (job.end === null) expect(made).toBe('MILL_JOB_NOT_ENDED')
      else {
        met.add('repeated')
        model.add((made as { id: string }).id, job.behaviour, job.queue, 0)
      }
    },
    any,
  )
}

const pause = (queue: Queue) =>
  command(`pause ${queue}`, async (model, { mill }) => {
    expect(await mill.mill.pause({ kind: 'queue', value: queue })).toBe(!model.paused.has(queue))
    model.paused.add(queue)
  })

const resume = (queue: Queue) =>
  command(`resume ${queue}`, async (model, { mill }) => {
    expect(await mill.mill.resume({ kind: 'queue', value: queue })).toBe(model.paused.delete(queue))
  })

const drain = () =>
  command('drain', async (model, { mill }) => {
    await mill.drain({ throwOnFailure: false })
    model.drain()
    if (model.jobs.some(({ end }) => end?.substatus === 'failed')) met.add('failed')
  })

const pass = (ms: number) =>
  command(`pass ${ms / 60_000} minutes`, async (model, real) => {
    await real.pass(ms)
    model.now += ms
  })

const crash = () =>
  command('crash', async (model, real) => {
    for (const { job, begun } of await real.crash()) {
      const taken = model.jobs.find(({ id, due }) => id === job && due !== null && due <= model.now)
      if (taken === undefined) throw new Error(`${job} was taken`)
      met.add(begun ? 'lost' : 'handed back')
      if (begun) model.die(taken)
      if (taken.end !== null) met.add('parked')
    }
  })

const prune = () =>
  command('prune', async (model, real) => {
    await real.prune(retryAfterMs)
    model.prune(retryAfterMs)
    if (model.jobs.some(({ pruned }) => pruned)) met.add('pruned')
  })

const queue = fc.constantFrom<Queue>('red', 'blue')
const unique = fc.record<Unique>({
  key: fc.constantFrom('k', 'l'),
  until: fc.constantFrom('started', 'done', 'hour'),
  on: fc.constantFrom('throw', 'return', 'replace'),
})

const enqueueing = fc
  .record<Enqueue>({
    behaviour: fc.constantFrom('works', 'flaky', 'broken'),
    queue,
    isLimited: fc.boolean(),
    isDelayed: fc.boolean(),
    unique: fc.option(unique, { nil: undefined }),
  })
  .map(enqueue)
const passing = fc.constantFrom(retryAfterMs, hourMs).map(pass)

/** What stands here twice comes twice as often. */
export const commands = fc.commands(
  [
    ...[enqueueing, enqueueing, enqueueing],
    ...[fc.constant(drain()), fc.constant(drain()), passing, passing],
    ...[fc.constant(crash()), fc.constant(crash())],
    fc.nat(20).map(abort),
    fc.nat(20).map(retryEnded),
    queue.map(pause),
    ...[queue.map(resume), queue.map(resume)],
    fc.constant(prune()),
  ],
  { size: 'max', maxCommands: 40 },
)
