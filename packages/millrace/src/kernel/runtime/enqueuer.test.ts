import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { MillraceError, type ErrorCode } from '../rules/errors.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { NewJob } from '../storage/jobs.ts'
import { Enqueuer } from './enqueuer.ts'

const job = (id: string, unique: NewJob['unique'] = null): NewJob => ({
  ...{ id, lane: 1, prio: 5, parent: null, options: null, payload: 'null', due: null, unique, args: [] },
})
const key = { key: 'k', until: 'done', on: 'throw' } as const
const error = (code: ErrorCode, unknown = false): MillraceError =>
  new MillraceError(code, code, { data: { unknown } })

/** `fate` is asked before each write, with what is to be written; what it throws is thrown, `after` once it is written. */
function enqueuing(fate: (ids: readonly string[], attempt: number) => { after?: Error } | undefined) {
  const clock = new VirtualClock(new Date(0))
  const writes: (readonly string[])[] = []
  const stored: string[] = []
  const write = (jobs: readonly NewJob[]): void => {
    const ids = jobs.map(({ id }) => id)
    writes.push(ids)
    const result = fate(ids, writes.length)
    // As the storage does: an id that is there already changes nothing.
    for (const id of ids) if (!stored.includes(id)) stored.push(id)
    if (result?.after !== undefined) throw result.after
  }
  const enqueuer = new Enqueuer({
    jobs: {
      enqueue: async (jobs) => write(jobs),
      enqueueAlone: async (one): Promise<EnqueueOutcome> => {
        write([one])
        return { kind: 'queued', id: one.id }
      },
    },
    clock,
    faults: undefined,
    patienceMs: 1_000,
    onFilling: () => undefined,
  })
  /** Lets virtual time pass until the promise has settled. */
  async function settled<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
    let result: PromiseSettledResult<T> | undefined
    void Promise.allSettled([work]).then(([one]) => (result = one))
    for (let turns = 0; result === undefined; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      if (turns % 5 === 4 && clock.next < Infinity) clock.moveTo(clock.next)
    }
    return result
  }
  return { enqueuer, writes, stored, settled, clock }
}

test('plain jobs of one turn share a write, each with a unique key goes alone', async () => {
  const { enqueuer, writes } = enqueuing(() => undefined)
  const outcomes = await Promise.all([
    enqueuer.enqueue(job('a')),
    enqueuer.enqueue(job('u', key)),
    enqueuer.enqueue(job('b')),
    enqueuer.enqueue(job('v', key)),
  ])
  expect(outcomes.map((outcome) => 'id' in outcome && outcome.id)).toEqual(['a', 'u', 'b', 'v'])
  expect(writes).toEqual([['u'], ['v'], ['a', 'b']])
})

test.each([null, key])('an answer that was lost is asked for again under the same id', async (unique) => {
  const { enqueuer, writes, stored, settled } = enqueuing((_, attempt) =>
    attempt === 1 ? { after: error('MILL_STORAGE_UNAVAILABLE', true) } : undefined,
  )
  expect(await settled(enqueuer.enqueue(job('a', unique)))).toMatchObject({
    value: { kind: 'queued', id: 'a' },
  })
  expect(writes).toEqual([['a'], ['a']])
  expect(stored).toEqual(['a'])
})

test('while the database is away it goes on for its patience, with growing pauses, then passes the error on', async () => {
  const { enqueuer, writes, settled, clock } = enqueuing(() => {
    throw error('MILL_STORAGE_UNAVAILABLE')
  })
  const result = await settled(enqueuer.enqueue(job('a')))
  expect(result).toMatchObject({ reason: { code: 'MILL_STORAGE_UNAVAILABLE', data: { unknown: false } } })
  expect(writes.length).toBeGreaterThan(4)
  expect(writes.length).toBeLessThan(15)
  expect(clock.now()).toBeLessThanOrEqual(1_000)
})

test('it says so when an earlier try may have gone through', async () => {
  const { enqueuer, settled } = enqueuing((_, attempt) => {
    if (attempt > 1) throw error('MILL_STORAGE_UNAVAILABLE')
    return { after: error('MILL_STORAGE_UNAVAILABLE', true) }
  })
  expect(await settled(enqueuer.enqueue(job('a')))).toMatchObject({
    reason: { code: 'MILL_STORAGE_UNAVAILABLE', data: { unknown: true } },
  })
})

test('what will not pass is not tried again', async () => {
  const { enqueuer, writes, settled } = enqueuing(() => {
    throw error('MILL_STORAGE_READ_ONLY')
  })
  expect(await settled(enqueuer.enqueue(job('a')))).toMatchObject({
    reason: { code: 'MILL_STORAGE_READ_ONLY' },
  })
  expect(writes).toHaveLength(1)
})

test('trap 7: a job the database refuses fails alone', async () => {
  const { enqueuer, stored, settled } = enqueuing((ids) => {
    if (ids.includes('bad')) throw error('MILL_STORAGE_QUERY')
    return undefined
  })
  const all = await settled(Promise.allSettled(['a', 'b', 'bad', 'c'].map((id) => enqueuer.enqueue(job(id)))))
  expect(
    (all as PromiseFulfilledResult<PromiseSettledResult<unknown>[]>).value.map(({ status }) => status),
  ).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  expect(stored.sort()).toEqual(['a', 'b', 'c'])
})

test('when the database goes away in the middle of a split, whoever may be stored is told so', async () => {
  let parts = 0
  const { enqueuer, settled } = enqueuing((ids) => {
    if (ids.length > 1 && ids.includes('bad')) throw error('MILL_STORAGE_QUERY')
    parts += 1
    if (parts > 1) throw error('MILL_STORAGE_UNAVAILABLE')
    return undefined
  })
  const first = enqueuer.enqueue(job('a'))
  void enqueuer.enqueue(job('bad')).catch(() => undefined)
  expect(await settled(first)).toMatchObject({ reason: { data: { unknown: true } } })
})

test('a unique key that is busy is tried again for its patience', async () => {
  const { enqueuer, writes, settled } = enqueuing((_, attempt) => {
    if (attempt <= 3) throw error('MILL_UNIQUE_BUSY')
    return undefined
  })
  expect(await settled(enqueuer.enqueue(job('u', key)))).toMatchObject({ value: { kind: 'queued' } })
  expect(writes).toHaveLength(4)
  const never = enqueuing(() => {
    throw error('MILL_UNIQUE_BUSY')
  })
  expect(await never.settled(never.enqueuer.enqueue(job('u', key)))).toMatchObject({
    reason: { code: 'MILL_UNIQUE_BUSY' },
  })
})
