import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Claimed } from '../../kernel/rules/execution.ts'
import { jobFinalizerSeq } from '../../kernel/rules/execution.ts'
import { outcomes, type Result } from '../../kernel/rules/outcome.ts'
import { phases } from '../../kernel/rules/state.ts'
import { DEFAULT_RETRY } from '../../kernel/rules/retry.ts'
import type { Ending } from '../../kernel/runtime/handler.ts'
import {
  after,
  batchOf,
  begun,
  changeOf,
  decideBatch,
  paced,
  tracksOf,
  type Batch,
  type Left,
  type PieceEnd,
} from './rules.ts'

const oops = { name: 'Error', message: 'oops' }
const failure: Result = { kind: 'failure', error: oops }
const policy = { retry: DEFAULT_RETRY, hasHook: true }

const batch: Batch = begun({
  source: { kind: 'rows', lease: 1, pages: 3 },
  work: { kind: 'page', number: 0 },
  total: 500,
  totalChunks: 3,
  scope: 200,
  asidesOf: 'j',
  state: { json: '{"seen":0}' },
})

function run(seq: number, change: Partial<Claimed> = {}): Claimed {
  return {
    ...{ job: 'j', seq, attempt: 1, lane: 1, prio: 5, care: 0, lease: 9, position: 0, marked: true },
    ...{ payload: '{}', options: { several: true, finalizer: true } },
    ...change,
  }
}

function ending(result: Result, left: Left | undefined, change: Partial<Ending> = {}): Ending {
  return {
    result,
    left,
    classes: ['Error'],
    ms: 4.4,
    now: 1_000,
    chance: 0.5,
    ended: null,
    aborting: false,
    ...change,
  }
}

const success: Result = { kind: 'success' }
const through = {
  kind: 'next',
  batch: after(
    batch,
    { kind: 'applied', records: 200 },
    { kind: 'page', number: 1 },
    { json: '{"seen":200}' },
  ),
  records: 200,
} as const

describe('a chunk that is through', () => {
  test('brings the state for the next execution, which is ready; no hook is written although the job has one', () => {
    const decision = decideBatch(run(1), ending(success, through), policy)
    expect(decision).toMatchObject({
      outcome: outcomes.succeeded,
      ms: 4,
      next: [{ seq: 2, attempt: 1, care: 0, when: { ready: true } }],
      state: { seq: 2, processed: 200, chunks: 1, errors: 0, total: 500, pace: 5, spread: null },
    })
    const kept = batchOf(decision.state!)
    expect(kept.data).toMatchObject({
      work: { kind: 'page', number: 1 },
      at: 1_000,
      state: { json: '{"seen":200}' },
    })
  })

  test('ends the job Aborted when that was asked for: what it did stays, nothing follows but the hook', () => {
    const decision = decideBatch(run(1), ending(success, through, { aborting: true }), policy)
    expect(decision).toMatchObject({ outcome: outcomes.aborted, state: { processed: 200 } })
    expect(decision.next).toMatchObject([{ seq: jobFinalizerSeq }])
    const unheard = decideBatch(run(1), ending(success, through, { aborting: true }), {
      ...policy,
      hasHook: false,
    })
    expect(unheard.next).toEqual([])
  })
})

test('the finish of a batch with tracks waits for them, and until then its phase is theirs', () => {
  const tracks = { open: ['t'], taken: null, pieces: 0 }
  const shared = begun({ ...batch.data, total: 500, totalChunks: 3, work: { kind: 'finish' }, tracks })
  const left: Left = { kind: 'next', batch: shared, records: 0, waitMs: 10_000 }
  const decision = decideBatch(run(0), ending(success, left), policy)
  expect(decision).toMatchObject({
    next: [{ seq: 1, attempt: 1, when: { dueInMs: 10_000, reason: 'snoozed' } }],
    state: { phase: phases.chunks, scope: 200 },
  })
  expect(tracksOf(decision.state!)).toEqual(['t'])
  const data = { ...shared.data, tracks: { ...tracks, open: [] } }
  expect(changeOf({ ...shared, data }, 1).phase).toBe(phases.finish)
  expect(tracksOf(changeOf(batch, 1))).toEqual([])
})

test('a track that ends keeps what it has counted', () => {
  const end = { kind: 'end', outcome: outcomes.completed, error: null, batch: through.batch } as const
  expect(decideBatch(run(4), ending(success, end), policy)).toMatchObject({
    outcome: outcomes.completed,
    next: [],
    state: { seq: 4, processed: 200 },
  })
})

describe('a chunk that failed', () => {
  const trying: Left = { kind: 'trying', once: false, endsJob: false }

  test('is tried again by policy, with no change of the state', () => {
    const decision = decideBatch(run(3), ending(failure, trying), policy)
    expect(decision).toMatchObject({ outcome: outcomes.retried, next: [{ seq: 3, attempt: 2 }] })
    expect(decision).not.toHaveProperty('state')
  })

  test.for<[string, Partial<Claimed>, Left]>([
    ['the last attempt', { attempt: 5 }, trying],
    ['a half of one that was given up', {}, { ...trying, once: true }],
  ])('is given up after %s: the next execution finds a state that is not for it', ([, change, left]) => {
    const decision = decideBatch(run(3, change), ending(failure, left), policy)
    expect(decision).toMatchObject({
      outcome: outcomes.gaveUp,
      error: oops,
      next: [{ seq: 4, attempt: 1, care: 0, when: { ready: true } }],
    })
    expect(decision).not.toHaveProperty('state')
  })

  test('ends the job when it was aborted or its time is over, and that goes to the hook', () => {
    for (const result of [{ kind: 'abort' }, { kind: 'expired', error: oops }] as const)
      expect(decideBatch(run(3), ending(result, trying), policy).next).toMatchObject([
        { seq: jobFinalizerSeq },
      ])
  })
})

test('start and finish end the job when they fail for good', () => {
  const last = { attempt: 5 }
  const start = decideBatch(run(0, last), ending(failure, undefined), policy)
  expect(start).toMatchObject({ outcome: outcomes.failed, next: [{ seq: -5 }] })
  const left: Left = { kind: 'trying', once: false, endsJob: true }
  const finish = decideBatch(run(9, last), ending(failure, left), policy)
  expect(finish).toMatchObject({ outcome: outcomes.failed, next: [{ seq: jobFinalizerSeq }] })
  expect(decideBatch(run(9), ending(failure, left), policy)).toMatchObject({ outcome: outcomes.retried })
})

test.for([
  [outcomes.completed, null, []],
  [outcomes.completedWithErrors, oops, []],
  [outcomes.failed, oops, [{ seq: jobFinalizerSeq }]],
] as const)('the end %i says its error, and only a bad one goes to the hook', ([outcome, error, next]) => {
  const decision = decideBatch(run(9), ending(success, { kind: 'end', outcome, error }), policy)
  expect(decision).toMatchObject({ outcome, next })
  expect(decision.error ?? null).toEqual(error)
  expect(decision).not.toHaveProperty('state')
})

const givenUp = (
  records: number,
  change: Partial<Extract<PieceEnd, { kind: 'givenUp' }>> = {},
): PieceEnd => ({
  kind: 'givenUp',
  records,
  halved: false,
  error: oops,
  ...change,
})

test('what is halved does not count as an error yet; what is set aside does, and the first error stays', () => {
  const work = { kind: 'finish' } as const
  const halved = after(batch, givenUp(200, { halved: true }), work, null)
  expect([halved.counts.errors, halved.counts.failed, halved.error]).toEqual([0, 0, null])
  const one = after(halved, givenUp(1), work, null)
  const two = after(one, givenUp(2, { error: { ...oops, message: 'second' } }), work, null)
  expect([two.counts.errors, two.counts.failed, two.error]).toEqual([2, 3, oops])
})

test('a batch comes back from its state as it was', () => {
  const given = after(batch, givenUp(3), { kind: 'finish' }, null)
  expect(batchOf(changeOf(given, 7))).toEqual(given)
})

test('the pace is the mean of what a record took, and its spread their deviation', () => {
  const sample = fc.record({
    records: fc.integer({ min: 1, max: 500 }),
    ms: fc.integer({ min: 0, max: 9_999 }),
  })
  fc.assert(
    fc.property(fc.array(sample, { minLength: 2, maxLength: 30 }), (samples) => {
      const pace = samples.reduce((so, { records, ms }) => paced(so, records, ms), { n: 0, mean: 0, m2: 0 })
      const each = samples.map(({ records, ms }) => ms / records)
      const mean = each.reduce((sum, one) => sum + one, 0) / each.length
      const variance = each.reduce((sum, one) => sum + (one - mean) ** 2, 0)
      expect(pace.mean).toBeCloseTo(mean, 6)
      expect(pace.m2 / (1 + variance)).toBeCloseTo(variance / (1 + variance), 6)
    }),
  )
})
