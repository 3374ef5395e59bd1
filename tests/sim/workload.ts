import { isMillraceError, type EnqueueOptions, type Mill } from '../../packages/millrace/src/index.ts'
import type { Random } from '../torture/random.ts'
import type { Work } from '../torture/work.ts'
import { epoch, type SimProcess } from './process.ts'

/** Something that a producer does, at a time of the world. */
export type Step =
  | EnqueueStep
  | { readonly at: number; readonly op: 'abort' | 'look'; readonly ref: string }
  | { readonly at: number; readonly op: 'pause' }

interface EnqueueStep {
  readonly at: number
  readonly op: 'enqueue' | 'many' | 'transaction' | 'rollback'
  readonly works: readonly Work[]
}

/** Everything that the producers of one world will do; resuming what they paused is the world's own affair. */
export function drawSteps(random: Random, lastsMs: number): Step[] {
  const steps: Step[] = []
  const count = random.whole(8, 24)
  for (let n = 0; n < count; n += 1) {
    const at = random.whole(0, lastsMs)
    const work = drawWork(random, `w${n}`, at)
    const die = random.next()
    if (die < 0.06) steps.push({ at, op: 'many', works: several(work) })
    else if (die < 0.16) {
      const { unique: _unique, ...plain } = work
      steps.push({ at, op: random.chance(0.3) ? 'rollback' : 'transaction', works: [plain] })
    } else steps.push({ at, op: 'enqueue', works: [work] })
    if (random.chance(0.15)) steps.push({ at: at + random.whole(1, 200), op: 'abort', ref: work.ref })
    for (let looks = random.whole(0, 2); looks > 0; looks -= 1)
      steps.push({ at: at + random.whole(1, 1_500), op: 'look', ref: work.ref })
  }
  if (random.chance(0.2)) steps.push({ at: random.whole(0, lastsMs), op: 'pause' })
  return steps
}

function several({ ref, runMs, tenant = 'ada' }: Work): Work[] {
  return [1, 2, 3, 4].map((n) => ({ ref: `${ref}.${n}`, kind: 'effect', runMs, tenant }))
}

function drawWork(random: Random, ref: string, at: number): Work {
  const base = {
    ref,
    runMs: random.chance(0.1) ? random.whole(50, 250) : random.whole(0, 12),
    tenant: random.pick(['ada', 'bob']),
    ...(random.chance(0.3) ? { queue: 'bulk' } : {}),
    ...(random.chance(0.3) ? { priority: random.whole(0, 9) } : {}),
    ...(random.chance(0.1) ? { deadline: '10 minutes' } : {}),
  }
  const die = random.next()
  if (die < 0.15) return { ...base, kind: 'plain' }
  if (die < 0.25) return { ...base, kind: 'effect' }
  if (die < 0.3) return { ...base, kind: 'effect', fails: random.whole(1, 2) }
  if (die < 0.35) return { ...base, kind: 'steps', steps: random.whole(1, 4), runMs: random.whole(0, 12) }
  if (die < 0.55)
    return {
      ...base,
      kind: 'finalized',
      fails: random.whole(0, 1),
      finalChild: random.chance(0.5),
      quiet: random.chance(0.3),
    }
  if (die < 0.63) return { ...base, kind: 'effect', children: random.whole(1, 3) }
  if (die < 0.73) return { ...base, kind: 'effect', unique: `key ${random.whole(1, 2)}` }
  if (die < 0.83) return { ...base, kind: 'limited', group: `group ${random.whole(1, 2)}`, limit: 2 }
  if (die < 0.9) return { ...base, kind: random.pick(['plain', 'effect']), snoozes: true }
  return random.chance(0.5)
    ? { ...base, kind: 'effect', delayMs: random.whole(1, 600) }
    : { ...base, kind: 'plain', runAt: epoch + at + random.whole(1, 600) }
}

/** Refused before anything was written, and whatever follows says so. */
const refusals = new Set(['MILL_TRANSACTION_LOST', 'MILL_STORAGE_QUERY', 'rolled back'])

class RolledBack extends Error {
  readonly code = 'rolled back'
}

/** Does one step in a process, and writes down the call and its answer. `jobs`: the ids known so far, by ref. */
export async function perform(process: SimProcess, step: Step, jobs: Map<string, string>): Promise<void> {
  const { mill } = process
  if (mill === null) return
  if ('works' in step) await enqueue(process, mill, step, jobs)
  else if (step.op === 'pause') await mill.pause({ kind: 'queue', value: 'bulk' }).catch(() => undefined)
  else if (step.op === 'look') await look(process, mill, jobs.get(step.ref))
  else await abort(process, mill, jobs.get(step.ref))
}

async function look(process: SimProcess, mill: Mill, job: string | undefined): Promise<void> {
  if (job === undefined) return
  const from = process.now
  try {
    const { status } = await mill.jobs.get(job)
    process.write({ kind: 'seen', job, from, status })
  } catch {
    // The database did not answer; the checker can do without.
  }
}

async function abort(process: SimProcess, mill: Mill, job: string | undefined): Promise<void> {
  if (job === undefined) return
  process.calls += 1
  const call = process.calls
  process.write({ kind: 'call', call, op: 'abort', works: [], job })
  try {
    process.write({ kind: 'ok', call, jobs: [], answer: await mill.jobs.abort(job) })
  } catch (error) {
    process.write({ kind: 'unknown', call, code: codeOf(error) })
  }
}

async function enqueue(
  process: SimProcess,
  mill: Mill,
  { op, works }: EnqueueStep,
  jobs: Map<string, string>,
): Promise<void> {
  process.calls += 1
  const call = process.calls
  const isTransaction = op === 'transaction' || op === 'rollback'
  process.write({ kind: 'call', call, op: isTransaction ? 'transaction' : op, works })
  try {
    const { ids, duplicate } = isTransaction
      ? await inTransaction(process, mill, works, op === 'rollback')
      : await plainly(process, mill, works)
    process.write({ kind: 'ok', call, jobs: ids, ...(duplicate ? { duplicate: true as const } : {}) })
    works.forEach(({ ref }, index) => jobs.set(ref, ids[index] as string))
  } catch (error) {
    const code = codeOf(error)
    process.write({ kind: refusals.has(code) ? 'fail' : 'unknown', call, code })
  }
}

interface Made {
  readonly ids: readonly string[]
  readonly duplicate: boolean
}

async function plainly(process: SimProcess, mill: Mill, works: readonly Work[]): Promise<Made> {
  const [work] = works
  const definition = process.workload?.definitions[work?.kind ?? 'plain']
  if (work === undefined || definition === undefined) throw new Error('nothing to enqueue')
  if (works.length > 1) {
    const ids = await mill.enqueueMany(definition, works, { tenant: work.tenant ?? 'ada' })
    return { ids, duplicate: false }
  }
  const { id, duplicate } = await mill.enqueue(definition, work, optionsOf(work))
  return { ids: [id], duplicate }
}

async function inTransaction(
  process: SimProcess,
  mill: Mill,
  works: readonly Work[],
  rollsBack: boolean,
): Promise<Made> {
  const [work] = works
  const definition = process.workload?.definitions[work?.kind ?? 'plain']
  if (work === undefined || definition === undefined) throw new Error('nothing to enqueue')
  return mill.transaction(async (tx) => {
    await tx.sql`insert into app (ref) values (${work.ref})`
    const { id } = await tx.enqueue(definition, work, optionsOf(work))
    if (rollsBack) throw new RolledBack()
    return { ids: [id], duplicate: false }
  })
}

function optionsOf({ tenant, queue, priority, deadline, delayMs, runAt, unique }: Work): EnqueueOptions {
  return {
    ...(tenant === undefined ? {} : { tenant }),
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(delayMs === undefined ? {} : { delay: `${delayMs}ms` }),
    ...(runAt === undefined ? {} : { runAt: new Date(runAt) }),
    ...(unique === undefined ? {} : { unique: { key: unique, until: 'done', on: 'return' } }),
  }
}

function codeOf(error: unknown): string {
  return isMillraceError(error) ? error.code : error instanceof RolledBack ? error.code : String(error)
}
