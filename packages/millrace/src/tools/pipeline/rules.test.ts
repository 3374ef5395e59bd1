import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jobFinalizerSeq, type Claimed } from '../../kernel/rules/execution.ts'
import { outcomes, type Result } from '../../kernel/rules/outcome.ts'
import { DEFAULT_RETRY } from '../../kernel/rules/retry.ts'
import { phases } from '../../kernel/rules/state.ts'
import type { Ending } from '../../kernel/runtime/handler.ts'
import {
  advance,
  answeredBy,
  changeOf,
  childOf,
  decidePipeline,
  isThrough,
  passedOver,
  pipelineOf,
  planned,
  recheckMs,
  restarted,
  resumed,
  standsStill,
  type Came,
  type Left,
  type Pipeline,
} from './rules.ts'

const at = (seq: number, now = seq * 100) => ({ job: 'j', seq, now })
const fresh = planned(['a', 'b', 'c'], { json: '{}' }, at(0))
const kept = { state: { json: '{"n":1}' }, finalizes: false }
const ids = { query: 'q', snapshot: 's', total: 450, size: 200 }

const names = (pipeline: Pipeline): string[] =>
  pipeline.steps.map(({ from, end }, index) =>
    `${pipeline.plan[index] ?? ''} from ${from} ${end ?? ''}`.trim(),
  )

describe('what follows an execution of a step', () => {
  test.for([
    ['done', { kind: 'done' }],
    ['off', { kind: 'off' }],
    ['skipped', { kind: 'skipped' }],
  ] as const)('%s: the next step, with the state', ([end, came]) => {
    const { pipeline, when } = advance(fresh, came, kept, at(1))
    expect(when).toEqual({ ready: true })
    expect(pipeline).toMatchObject({ index: 1, work: { kind: 'step' }, state: kept.state })
    expect(names(pipeline)).toEqual([`a from 0 ${end}`, 'b from 1'])
    expect(pipeline.steps).toMatchObject([
      { begun: 0, ended: 100 },
      { begun: 100, ended: null },
    ])
  })

  test('finalize comes once, after the step is done, never for a no-op', () => {
    const done = advance(fresh, { kind: 'done' }, { ...kept, finalizes: true }, at(1)).pipeline
    expect(done).toMatchObject({ index: 0, work: { kind: 'finalize' } })
    expect(advance(done, { kind: 'done' }, { ...kept, finalizes: true }, at(2)).pipeline.index).toBe(1)
    expect(advance(fresh, { kind: 'off' }, { ...kept, finalizes: true }, at(1)).pipeline.index).toBe(1)
  })

  test('a restart runs the step once more, at once or later, and is counted', () => {
    const again = advance(fresh, { kind: 'again', delayMs: 0 }, kept, at(1))
    expect(again).toMatchObject({ when: { ready: true }, pipeline: { index: 0, steps: [{ restarts: 1 }] } })
    const later = advance(again.pipeline, { kind: 'again', delayMs: 5 }, kept, at(2))
    expect(later).toMatchObject({
      when: { dueInMs: 5, reason: 'scheduled' },
      pipeline: { steps: [{ restarts: 2 }] },
    })
  })

  test('pages follow each other without gap, the last one clamped; none of no records', () => {
    let { pipeline } = advance(fresh, { kind: 'opened', ids }, kept, at(1))
    const seen: number[][] = []
    for (let seq = 2; pipeline.work.kind === 'page'; seq += 1) {
      seen.push([pipeline.work.from, pipeline.work.to])
      ;({ pipeline } = advance(pipeline, { kind: 'page', records: 7 }, kept, at(seq)))
    }
    expect(seen).toEqual([
      [0, 200],
      [200, 400],
      [400, 450],
    ])
    expect(pipeline).toMatchObject({
      index: 1,
      steps: [{ pages: 3, records: 21, total: 450, end: 'done' }, {}],
    })
    const none = advance(fresh, { kind: 'opened', ids: { ...ids, total: 0 } }, kept, at(1))
    expect(none.pipeline).toMatchObject({ index: 1, steps: [{ pages: 0, total: 0 }, {}] })
  })

  test('a wait is due, and over when it has come', () => {
    const waits = advance(fresh, { kind: 'waits', forMs: 50 }, kept, at(1))
    expect(waits).toMatchObject({
      when: { dueInMs: 50, reason: 'scheduled' },
      pipeline: { index: 0, work: { kind: 'wait', until: 150 } },
    })
    expect(advance(fresh, { kind: 'waits', forMs: 0 }, kept, at(1)).when).toEqual({ ready: true })
  })

  test('what waits for an answer is told of first, is held or due, and goes on with the answer', () => {
    const asked = { what: 'approval', token: 't', answered: false } as const
    const asks = advance(fresh, { kind: 'asks', asked, forMs: 50 }, kept, at(1))
    expect(asks).toMatchObject({
      when: { ready: true },
      pipeline: { index: 0, work: { kind: 'ask', forMs: 50 }, steps: [{ asked }] },
    })
    const due = advance(asks.pipeline, { kind: 'awaits', forMs: 50 }, kept, at(2))
    expect(due).toMatchObject({
      when: { dueInMs: 50, reason: 'awaiting' },
      pipeline: { work: { kind: 'await', until: 250 }, steps: [{ asked }] },
    })
    const held = advance(fresh, { kind: 'awaits', asked, forMs: null }, kept, at(1))
    expect(held).toMatchObject({
      when: { held: true, reason: 'awaiting' },
      pipeline: { work: { kind: 'await', until: null }, steps: [{ asked }] },
    })
    const given = { kind: 'rejected', data: null, by: 'ann' } as const
    const answered = answeredBy(held.pipeline, given)
    expect(answered).toMatchObject({
      work: { kind: 'answer', answer: given },
      steps: [{ asked: { answered: true } }],
    })
    // Continued by another job: what was asked in vain, or refused, is asked anew; what was given is kept.
    for (const one of [asks.pipeline, due.pipeline, answered]) {
      const again = resumed(one, { job: 'k', seq: 0, now: 9 })
      expect(again).toMatchObject({ work: { kind: 'step' }, round: 1, steps: [{ job: 'k' }] })
      expect(again.steps[0]!.asked).toBeUndefined()
    }
    const approved = answeredBy(held.pipeline, { ...given, kind: 'approved' })
    expect(resumed(approved, { job: 'k', seq: 0, now: 9 })).toMatchObject({
      work: { kind: 'answer' },
      steps: [{ job: 'k', from: 0 }],
    })
  })

  test('a job that a step runs is looked at in growing distances, and kept for who goes on with the pipeline', () => {
    expect(childOf(fresh)).toBeNull()
    const started = advance(fresh, { kind: 'started', child: 'c', by: 'j' }, kept, at(1))
    expect(started).toMatchObject({
      when: { dueInMs: 200, reason: 'awaiting' },
      pipeline: { index: 0, work: { kind: 'child', child: 'c', by: 'j' }, steps: [{ child: 'c' }] },
    })
    expect(childOf(started.pipeline)).toBe('c')
    expect(resumed(started.pipeline, { job: 'k', seq: 0, now: 9 }).work).toEqual(started.pipeline.work)
    expect(childOf(passedOver(started.pipeline, at(2)))).toBeNull()
    expect([0, 800, 4_000, 1e9].map(recheckMs)).toEqual([200, 200, 1_000, 30_000])
  })

  test('for any run: steps end in order, each once, and the state row says how far it is', () => {
    const cames = fc.constantFrom<Came>(
      ...([{ kind: 'done' }, { kind: 'off' }, { kind: 'skipped' }, { kind: 'again', delayMs: 1 }] as const),
      ...([
        { kind: 'opened', ids },
        { kind: 'page', records: 3 },
        { kind: 'waits', forMs: 2 },
        { kind: 'awaits', forMs: null },
      ] as const),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(cames, fc.boolean()), { maxLength: 60 }), (run) => {
        let pipeline = fresh
        for (const [index, [came, finalizes]] of run.entries()) {
          if (isThrough(pipeline)) break
          const before = pipeline
          ;({ pipeline } = advance(pipeline, came, { ...kept, finalizes }, at(index + 1)))
          expect([before.index, before.index + 1]).toContain(pipeline.index)
          expect(pipeline.steps.slice(0, pipeline.index).every(({ ended }) => ended !== null)).toBe(true)
          expect(pipeline.steps).toHaveLength(Math.min(3, pipeline.index + 1))
          const change = changeOf(pipeline, index + 1)
          expect(change).toMatchObject({ phase: phases.steps, chunks: pipeline.index, totalChunks: 3 })
          expect(pipelineOf(change)).toEqual(pipeline)
        }
      }),
    )
  })
})

test.for([
  [0, false, false, true],
  [1, false, false, false],
  [0, true, false, false],
  [0, false, true, false],
] as const)(
  'a restart after %i ms, state changed: %s, wrote: %s stands still: %s',
  ([delayMs, stateChanged, wrote, still]) => {
    expect(standsStill({ delayMs, stateChanged, wrote })).toBe(still)
  },
)

test('passed over and restarted: what an operator does to the steps', () => {
  const second = passedOver(fresh, at(1))
  expect(names(second)).toEqual(['a from 0 skipped', 'b from 1'])
  const last = passedOver(passedOver(second, at(2)), at(3))
  expect([isThrough(last), names(last).at(-1)]).toEqual([true, 'c from 2 skipped'])
  const again = restarted(last, 1, { json: '2' }, at(4))
  expect(again).toMatchObject({ index: 1, round: 1, state: { json: '2' }, work: { kind: 'step' } })
  expect(names(again)).toEqual(['a from 0 skipped', 'b from 4'])
})

describe('what the end of an execution changes', () => {
  const oops = { name: 'Error', message: 'oops' }
  const failure: Result = { kind: 'failure', error: oops }
  const success: Result = { kind: 'success' }
  const policy = { retry: DEFAULT_RETRY, hasHook: true }
  const run = (change: Partial<Claimed> = {}): Claimed => ({
    ...{ job: 'j', seq: 4, attempt: 1, lane: 1, prio: 5, care: 0, lease: 9, position: 0, marked: true },
    ...{ payload: '{}', options: { several: true, finalizer: true } },
    ...change,
  })
  const ending = (result: Result, left: Left | undefined, change: Partial<Ending> = {}): Ending => ({
    ...{ result, left, classes: ['Error'], ms: 4.4, now: 1_000, chance: 0.5, ended: null, aborting: false },
    ...change,
  })
  const came: Left = { kind: 'came', pipeline: fresh, came: { kind: 'done' }, ...kept }
  const last: Left = { ...came, pipeline: passedOver(passedOver(fresh, at(1)), at(2)) }
  const trying: Left = { kind: 'trying', pipeline: fresh, retry: { ...DEFAULT_RETRY, attempts: 2 } }
  const hook = [{ seq: jobFinalizerSeq, attempt: 1, care: 0, when: { ready: true } }]

  test('a step that is through brings the state and the next execution', () => {
    const decision = decidePipeline(run(), ending(success, came), policy)
    expect(decision).toMatchObject({
      outcome: outcomes.succeeded,
      next: [{ seq: 5, attempt: 1, care: 0, when: { ready: true } }],
      state: { seq: 5, chunks: 1 },
    })
    expect(pipelineOf(decision.state!).steps[1]).toMatchObject({ from: 5, begun: 1_000 })
  })

  test('the last one ends the job, also when an abort came meanwhile; any other then aborts it', () => {
    for (const aborting of [false, true])
      expect(decidePipeline(run(), ending(success, last, { aborting }), policy)).toMatchObject({
        outcome: outcomes.completed,
        next: [],
        state: { chunks: 3 },
      })
    expect(decidePipeline(run(), ending(success, came, { aborting: true }), policy)).toMatchObject({
      outcome: outcomes.aborted,
      next: hook,
      state: { seq: 5 },
    })
  })

  test('a failure is tried again by the policy of its step, then ends the job with its state', () => {
    expect(decidePipeline(run(), ending(failure, trying), policy)).toMatchObject({
      outcome: outcomes.retried,
      next: [{ seq: 4, attempt: 2 }],
    })
    const end = decidePipeline(run({ attempt: 2 }), ending(failure, trying), policy)
    expect(end).toMatchObject({
      outcome: outcomes.failed,
      error: oops,
      next: hook,
      state: { seq: 4, chunks: 0 },
    })
    const quiet = decidePipeline(run({ attempt: 2 }), ending(failure, trying), { ...policy, hasHook: false })
    expect(quiet.next).toEqual([])
    const early = decidePipeline(run({ attempt: 5 }), ending(failure, undefined), policy)
    expect(early).toMatchObject({ outcome: outcomes.failed, next: hook })
    expect(early.state).toBeUndefined()
  })

  test('held: the same work for the next execution, when the job is let go', () => {
    const decision = decidePipeline(
      run({ options: null }),
      ending(success, { kind: 'held', pipeline: fresh }),
      policy,
    )
    expect(decision).toMatchObject({ outcome: outcomes.succeeded, next: [{ seq: 5, when: { held: true } }] })
    expect(pipelineOf(decision.state!)).toEqual(fresh)
  })

  test('given up by its deaths: Failed, with what killed it', () => {
    const left: Left = { kind: 'givenUp', pipeline: fresh, error: oops }
    expect(decidePipeline(run(), ending(success, left), policy)).toMatchObject({
      ...{ outcome: outcomes.failed, error: oops, next: hook, state: { seq: 4 } },
    })
  })
})
