import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Decision } from '../rules/decision.ts'
import { MillraceError } from '../rules/errors.ts'
import type { Claimed, ExecutionKey, Lane, LeaseId } from '../rules/execution.ts'
import { outcomes } from '../rules/outcome.ts'
import type { Executions, LeaseMark } from '../storage/executions.ts'
import { Dispatcher } from './dispatcher.ts'
import { LeaseBook } from './lease-book.ts'
import { Settler, type Settled } from './settler.ts'
import { systemClock } from './system-clock.ts'

const numRuns = Number(process.env['MILLRACE_MODEL_RUNS'] ?? 100)
const away = new MillraceError('MILL_STORAGE_UNAVAILABLE', 'away', { data: { unknown: true } })

function atOnce(_ms: number, call: () => void): () => void {
  const immediate = setImmediate(call)
  return () => clearImmediate(immediate)
}

type Fate = 'written' | 'answer lost' | 'not written'

/** Executions run from the local queue and settle in groups; `scheduler` decides what goes on next, `fates` what becomes of each write. */
async function runAll(scheduler: fc.Scheduler, leases: readonly number[], fates: readonly Fate[]) {
  const stored = new Map<string, Decision>()
  const deleted = new Set<LeaseId>()
  const wrong: string[] = []
  let write = 0

  const executions: Pick<Executions, 'settle' | 'settled'> = {
    async settle(decisions: readonly Decision[], marks: readonly LeaseMark[]) {
      const fate = fates[write] ?? 'written'
      write += 1
      await scheduler.schedule(Promise.resolve(), 'settle')
      if (fate === 'not written') throw away
      for (const { key, lease } of decisions) {
        if (deleted.has(lease)) wrong.push(`${key.job} was settled after its lease was deleted`)
        if (stored.has(key.job)) wrong.push(`${key.job} was settled twice`)
      }
      for (const decision of decisions) stored.set(decision.key.job, decision)
      for (const { lease, finished } of marks) if (finished) deleted.add(lease)
      await scheduler.schedule(Promise.resolve(), 'its answer')
      if (fate === 'answer lost') throw away
      return { fenced: [] }
    },
    async settled(decisions) {
      await scheduler.schedule(Promise.resolve(), 'look')
      return decisions.flatMap(({ key }): ExecutionKey[] => (stored.has(key.job) ? [key] : []))
    },
  }

  const book = new LeaseBook()
  const settler = new Settler({
    executions: executions as Executions,
    book,
    clock: { ...systemClock, after: atOnce },
    faults: undefined,
    onFenced: (fallen) => wrong.push(`leases ${fallen.join()} fell`),
    onError: () => undefined,
  })
  let running = 0
  const acknowledged: string[] = []
  const dispatcher: Dispatcher = new Dispatcher({
    concurrency: 2,
    queues: {},
    laneOf: () => ({ queue: 'default' }) as Lane,
    run: (claimed) => void run(claimed),
    onHungry: () => undefined,
  })

  async function run(claimed: Claimed): Promise<void> {
    running += 1
    if (running > 2) wrong.push(`${running} ran at once`)
    if (book.start(claimed)) settler.kick()
    await scheduler.schedule(Promise.resolve(), `run ${claimed.job}`)
    running -= 1
    dispatcher.freed(claimed)
    const { job, seq, attempt, lease, lane, prio } = claimed
    const decision = {
      ...{ key: { job, seq, attempt }, lease, lane, prio, outcome: outcomes.completed, ms: 1, next: [] },
    }
    const settled = await new Promise<Settled>((resolve) => settler.settle(claimed, decision, resolve))
    if (typeof settled === 'string' || !stored.has(job))
      wrong.push(`${job} was acknowledged before it was stored`)
    acknowledged.push(job)
  }

  const all = leases.map((size, at) => {
    return Array.from({ length: size }, (_, position): Claimed => ({
      ...{ job: `${at}.${position}`, seq: 0, attempt: 1, lane: 1, prio: 5, care: 0, lease: at, position },
      ...{ marked: position === 0, payload: 'null', options: null },
    }))
  })
  for (const [lease, members] of all.entries()) {
    book.add({ lease, members })
    void scheduler.schedule(Promise.resolve(), `claim ${lease}`).then(() => dispatcher.push(members))
  }
  const jobs = all.flat().map(({ job }) => job)
  for (let idle = 0; idle < 50; idle += 1) {
    if (scheduler.count() > 0) idle = 0
    if (scheduler.count() > 0) await scheduler.waitNext(1)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { wrong, jobs, acknowledged, stored, deleted, books: book.leases }
}

test('in whatever order things happen: each end is stored once, before it is acknowledged and before its lease goes', async () => {
  let lost = 0
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      fc.array(fc.constantFrom<Fate>('written', 'answer lost', 'not written'), { maxLength: 4 }),
      async (scheduler, leases, fates) => {
        if (fates.includes('answer lost')) lost += 1
        const { wrong, jobs, acknowledged, stored, deleted, books } = await runAll(scheduler, leases, fates)
        expect(wrong).toEqual([])
        expect(acknowledged.toSorted()).toEqual(jobs.toSorted())
        expect([...stored.keys()].sort()).toEqual(jobs.toSorted())
        expect([deleted.size, books]).toEqual([leases.length, []])
      },
    ),
    { numRuns },
  )
  expect(lost).toBeGreaterThan(0)
})
