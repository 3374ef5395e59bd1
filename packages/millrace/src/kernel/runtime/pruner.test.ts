import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import type { Controls } from '../storage/controls.ts'
import type { History, PruneParams } from '../storage/history.ts'
import type { Snapshots } from '../storage/snapshots.ts'
import { EngineEvents, type EngineEvent } from './engine-event.ts'
import { Leader } from './leader.ts'
import { Pruner } from './pruner.ts'

const pruners: Pruner[] = []
afterEach(async () => {
  for (const pruner of pruners.splice(0)) await pruner.stop()
})

function pruning(answers: { pruned: number; wrapped: boolean }[], leads = true, snapshotSteps = 1) {
  const clock = new VirtualClock(new Date(0))
  const events = new EngineEvents()
  const heard: EngineEvent[] = []
  events.subscribe((event) => void heard.push(event))
  const asked: PruneParams[] = []
  const terms: string[] = []
  const history = {
    async prune(params: PruneParams) {
      asked.push(params)
      const answer = answers.shift()
      if (answer === undefined) throw new Error('away')
      return answer
    },
  } satisfies Partial<History> as unknown as History
  let steps = 0
  const snapshots = {
    async prune() {
      steps += 1
      return { deleted: 1, done: steps % snapshotSteps === 0 }
    },
  } satisfies Partial<Snapshots> as unknown as Snapshots
  const controls = {
    async takeTerm(name: string, worker: number, ttlMs: number) {
      terms.push(`${name} ${String(worker)} ${String(ttlMs)}`)
      return leads
    },
    dropTerm: async (name: string) => void terms.push(`drop ${name}`),
  } satisfies Partial<Controls> as unknown as Controls
  const pruner = new Pruner({
    history,
    snapshots,
    leader: new Leader(controls, 'prune', 500, () => 7, undefined),
    clock,
    retention: { completedMs: 1, failedMs: 2 },
    everyMs: 60_000,
    events,
    faults: undefined,
  })
  pruners.push(pruner)
  const to = async (ms: number): Promise<void> => {
    clock.moveTo(ms)
    for (let n = 0; n < 10; n += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  return { pruner, heard, asked, terms, to, snapshotSteps: () => steps }
}

test('goes step by step until the walk has come round, then rests', async () => {
  const { pruner, heard, asked, to } = pruning([
    { pruned: 5, wrapped: false },
    { pruned: 3, wrapped: true },
    { pruned: 0, wrapped: true },
  ])
  pruner.start()
  await to(0)
  expect(asked).toHaveLength(2)
  expect(asked[0]).toMatchObject({ completedMs: 1, failedMs: 2 })
  expect(heard).toEqual([{ kind: 'pruned', jobs: 8 }])
  await to(59_999)
  expect(asked).toHaveLength(2)
  await to(60_000)
  expect(asked).toHaveLength(3)
  expect(heard).toHaveLength(1)
})

test('only one process does it: whoever does not lead asks again later', async () => {
  const { pruner, asked, terms, to } = pruning([], false)
  pruner.start()
  await to(0)
  expect(asked).toEqual([])
  expect(terms).toEqual(['prune 7 500'])
  await to(60_000)
  expect(terms).toHaveLength(2)
})

test('an error is told and survived, and stop gives the term back', async () => {
  const { pruner, heard, terms, to } = pruning([])
  pruner.start()
  await to(0)
  expect(heard).toMatchObject([{ kind: 'trouble', role: 'pruner' }])
  await to(1_000)
  expect(heard.length).toBeGreaterThan(1)
  await pruner.stop()
  expect(terms.at(-1)).toBe('drop prune')
})

test('deletes snapshots step by step too, and comes again soon while there are more', async () => {
  const rounds = Array.from({ length: 3 }, () => ({ pruned: 0, wrapped: true }))
  const { pruner, asked, snapshotSteps, to } = pruning(rounds, true, 150)
  pruner.start()
  await to(0)
  for (let n = 0; n < 20; n += 1) await to(0)
  expect([asked.length, snapshotSteps()]).toEqual([1, 100])
  await to(100)
  for (let n = 0; n < 20; n += 1) await to(100)
  expect([asked.length, snapshotSteps()]).toEqual([2, 150])
  await to(60_099)
  expect(snapshotSteps()).toBe(150)
  await to(60_100)
  expect(snapshotSteps()).toBeGreaterThan(150)
})
