import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide, decideFinalizer, undecided, type At } from './decide.ts'
import type { Decision, EndedAttempt } from './decision.ts'
import { deathsOf, type Claimed, type JobOptions } from './execution.ts'
import { endsJob, outcomes, type Result, type StoredError } from './outcome.ts'
import { DEFAULT_RETRY, type RetryPolicy } from './retry.ts'

const error: StoredError = { name: 'Error', message: 'no', code: 'E1' }
const failure: Result = { kind: 'failure', error }
const at: At = { now: 1_000_000, chance: 0.5 }
const still: RetryPolicy = { ...DEFAULT_RETRY, jitter: 'none' }
const policy = { retry: still, classes: ['Error'] }

function claimed(part: Partial<Claimed> = {}): Claimed {
  const row = { job: 'j', seq: 0, attempt: 1, lane: 7, prio: 5, care: 0 }
  return { ...row, lease: 3, position: 0, marked: true, payload: '{}', options: null, ...part }
}

describe('decide', () => {
  const withFinalizer: JobOptions = { finalizer: true }

  test('success: completed, nothing follows; the run and its measured time are named', () => {
    expect(decide(claimed({ attempt: 2 }), { kind: 'success' }, policy, 12.6, at)).toEqual({
      key: { job: 'j', seq: 0, attempt: 2 },
      lease: 3,
      lane: 7,
      prio: 5,
      ms: 13,
      outcome: outcomes.completed,
      next: [],
    })
    expect(decide(claimed(), { kind: 'success' }, policy, -1, at).ms).toBe(0)
  })

  test.each<[Result, Partial<Decision>]>([
    [
      { kind: 'skip', reason: 'flag off' },
      { outcome: outcomes.skipped, error: { name: 'Skipped', message: 'flag off' } },
    ],
    [
      { kind: 'abort', reason: 'by ann' },
      {
        outcome: outcomes.aborted,
        endsAbort: true,
        error: { name: 'MillraceError', code: 'MILL_ABORTED', message: 'by ann' },
      },
    ],
    [
      { kind: 'abort' },
      {
        outcome: outcomes.aborted,
        endsAbort: true,
        error: { name: 'MillraceError', code: 'MILL_ABORTED', message: 'The job was aborted.' },
      },
    ],
    [
      { kind: 'expired', error },
      { outcome: outcomes.expired, error },
    ],
  ])('%j ends the job', (result, decision) => {
    expect(decide(claimed(), result, policy, 1, at)).toMatchObject({ ...decision, next: [] })
    expect(decide(claimed({ options: withFinalizer }), result, policy, 1, at)).toMatchObject({
      ...decision,
      next: [{ seq: -1, attempt: 1, care: 0, when: { ready: true } }],
    })
  })

  test('a failure is retried after the delay of the policy', () => {
    expect(decide(claimed({ attempt: 3, care: 1 }), failure, policy, 1, at)).toMatchObject({
      outcome: outcomes.retried,
      error,
      next: [{ seq: 0, attempt: 4, care: 1, when: { dueInMs: 4000, reason: 'retrying' } }],
    })
  })

  test('a delay of nothing is ready at once', () => {
    const next = decide(claimed(), failure, { ...policy, retry: DEFAULT_RETRY }, 1, { ...at, chance: 0 }).next
    expect(next).toEqual([{ seq: 0, attempt: 2, care: 0, when: { ready: true } }])
  })

  test('with a finalizer the retry waits behind it', () => {
    expect(decide(claimed({ attempt: 2, options: withFinalizer }), failure, policy, 1, at)).toMatchObject({
      outcome: outcomes.retried,
      next: [{ seq: -2, attempt: 1, care: 0, when: { ready: true } }],
    })
  })

  test('the last attempt fails for good; lost attempts do not count', () => {
    expect(decide(claimed({ attempt: 5 }), failure, policy, 1, at)).toMatchObject({
      outcome: outcomes.failed,
      error,
      next: [],
    })
    expect(decide(claimed({ attempt: 6, care: 3 }), failure, policy, 1, at)).toMatchObject({
      outcome: outcomes.retried,
      next: [{ attempt: 7, care: 3, when: { dueInMs: 8000 } }],
    })
    expect(decide(claimed({ attempt: 7, care: 3 }), failure, policy, 1, at).outcome).toBe(outcomes.failed)
  })

  test('what the policy does not retry fails at once', () => {
    expect(
      decide(claimed(), failure, { ...policy, retry: { ...still, abortOn: ['E1'] } }, 1, at).outcome,
    ).toBe(outcomes.failed)
    expect(
      decide(
        claimed(),
        failure,
        { classes: ['LockError'], retry: { ...still, retryOn: ['LockError'] } },
        1,
        at,
      ).outcome,
    ).toBe(outcomes.retried)
  })

  test('waits as long as the error asks', () => {
    const result: Result = { kind: 'failure', error: { ...error, retryAfterMs: 60_000 } }
    expect(decide(claimed(), result, policy, 1, at).next[0]?.when).toEqual({
      dueInMs: 60_000,
      reason: 'retrying',
    })
  })

  test('no retry that would begin at or after the deadline', () => {
    const options = (ms: number): JobOptions => ({ deadline: at.now + ms })
    expect(decide(claimed({ options: options(1001) }), failure, policy, 1, at).outcome).toBe(outcomes.retried)
    expect(decide(claimed({ options: options(1000) }), failure, policy, 1, at).outcome).toBe(outcomes.failed)
  })
})

describe('decideFinalizer', () => {
  const jobRetry: RetryPolicy = { ...still, initialMs: 500 }
  const policies = { ...policy, jobRetry }
  const ended = (part: Partial<EndedAttempt> = {}): EndedAttempt => ({
    outcome: outcomes.retried,
    ms: 1,
    error,
    deaths: 0,
    ...part,
  })
  const run = (part: Partial<Claimed> = {}): Claimed =>
    claimed({ seq: -2, options: { finalizer: true }, ...part })
  const success: Result = { kind: 'success' }

  test('when it succeeded, the retry of its attempt is due by the policy of the job', () => {
    expect(decideFinalizer(run(), ended(), success, policies, 5, at)).toEqual({
      key: { job: 'j', seq: -2, attempt: 1 },
      lease: 3,
      lane: 7,
      prio: 5,
      ms: 5,
      outcome: outcomes.succeeded,
      next: [{ seq: 0, attempt: 3, care: 0, when: { dueInMs: 1000, reason: 'retrying' } }],
    })
  })

  test('deaths do not count, and are carried on', () => {
    expect(decideFinalizer(run({ seq: -3 }), ended({ deaths: 2 }), success, policies, 5, at).next).toEqual([
      { seq: 0, attempt: 4, care: 3, when: { dueInMs: 500, reason: 'retrying' } },
    ])
  })

  test('the wait that the error of the attempt asked for holds', () => {
    const asked = ended({ error: { ...error, retryAfterMs: 9000 } })
    expect(decideFinalizer(run(), asked, success, policies, 5, at).next[0]?.when).toEqual({
      dueInMs: 9000,
      reason: 'retrying',
    })
    expect(
      decideFinalizer(run(), ended({ error: null }), success, policies, 5, at).next[0]?.when,
    ).toMatchObject({ dueInMs: 1000 })
  })

  test('after a lost attempt the next one is ready at once', () => {
    expect(
      decideFinalizer(
        run({ seq: -1 }),
        ended({ outcome: outcomes.lost, deaths: 1 }),
        success,
        policies,
        5,
        at,
      ).next,
    ).toEqual([{ seq: 0, attempt: 2, care: 2, when: { ready: true } }])
  })

  test('after an attempt that ended the job nothing follows', () => {
    for (const outcome of [outcomes.completed, outcomes.failed, outcomes.aborted, outcomes.parked]) {
      expect(decideFinalizer(run(), ended({ outcome }), success, policies, 5, at).next).toEqual([])
    }
  })

  test('its own failure is retried by its own policy, whatever the deadline; the job waits', () => {
    const late = run({ attempt: 2, care: 1, options: { finalizer: true, deadline: 5 } })
    expect(decideFinalizer(late, ended(), failure, policies, 5, at)).toMatchObject({
      outcome: outcomes.retried,
      error,
      next: [{ seq: -2, attempt: 3, care: 1, when: { dueInMs: 2000, reason: 'retrying' } }],
    })
  })

  test('when its attempts are spent it gives up, and the job goes on', () => {
    expect(decideFinalizer(run({ attempt: 5 }), ended(), failure, policies, 5, at)).toMatchObject({
      outcome: outcomes.gaveUp,
      error,
      next: [{ seq: 0, attempt: 3, when: { dueInMs: 1000, reason: 'retrying' } }],
    })
  })

  test('skip is success, abort and expiry are giving up', () => {
    const skipped = decideFinalizer(run(), ended(), { kind: 'skip', reason: 'x' }, policies, 5, at)
    expect(skipped).toMatchObject({ outcome: outcomes.succeeded, next: [{ attempt: 3 }] })
    expect(skipped).not.toHaveProperty('error')
    for (const result of [{ kind: 'abort' }, { kind: 'expired', error }] satisfies Result[]) {
      const decision = decideFinalizer(run(), ended(), result, policies, 5, at)
      expect(decision).toMatchObject({ outcome: outcomes.gaveUp, next: [{ seq: 0, attempt: 3 }] })
      expect(decision).not.toHaveProperty('endsAbort')
    }
  })
})

const results = fc.constantFrom<Result>(
  { kind: 'success' },
  failure,
  { kind: 'skip', reason: 'r' },
  { kind: 'abort' },
  { kind: 'expired', error },
)

test('one execution at most follows, and exactly one while the job goes on', () => {
  const runs = fc.record({
    attempt: fc.integer({ min: 1, max: 8 }),
    care: fc.integer({ min: 0, max: 3 }),
    options: fc.constantFrom<JobOptions | null>(null, { finalizer: true }, { deadline: at.now + 3000 }),
  })
  fc.assert(
    fc.property(runs, results, (part, result) => {
      const decision = decide(claimed(part), result, policy, 1, at)
      const goesOn = !endsJob(decision.outcome)
      const follows = part.options?.finalizer === true || goesOn
      expect(decision.next).toHaveLength(follows ? 1 : 0)
      expect(goesOn).toBe(decision.outcome === outcomes.retried)
    }),
  )
})

test('a job lived through: attempts without gap, a finalizer after each, counted ones within the budget', () => {
  fc.assert(
    fc.property(fc.array(results, { minLength: 60, maxLength: 60 }), fc.boolean(), (script, finalizer) => {
      let run: Claimed | null = claimed({ options: finalizer ? { finalizer: true } : null })
      let last: EndedAttempt = { outcome: 0 as never, ms: 0, error: null, deaths: 0 }
      const attempts: number[] = []
      const finalized = new Set<number>()
      for (const result of script) {
        if (run === null) break
        const decision: Decision =
          run.seq < 0
            ? decideFinalizer(run, last, result, { ...policy, jobRetry: still }, 1, at)
            : decide(run, result, policy, 1, at)
        if (run.seq < 0) finalized.add(-run.seq)
        else {
          attempts.push(run.attempt)
          last = {
            outcome: decision.outcome,
            ms: 1,
            error: decision.error ?? null,
            deaths: deathsOf(run.care),
          }
        }
        const next = decision.next[0]
        run = next === undefined ? null : { ...run, ...next }
      }
      expect(run).toBeNull()
      expect(attempts).toEqual(attempts.map((_, index) => index + 1))
      expect(attempts.length).toBeLessThanOrEqual(5)
      expect([...finalized]).toEqual(finalizer ? attempts : [])
      expect(endsJob(last.outcome)).toBe(true)
    }),
  )
})

describe('undecided', () => {
  test('a job ends Failed, with its finalizer if it has one', () => {
    expect(undecided(claimed(), null, error, 2)).toMatchObject({ outcome: outcomes.failed, error, next: [] })
    const [finalizer] = undecided(claimed({ attempt: 3, options: { finalizer: true } }), null, error, 2).next
    expect(finalizer).toMatchObject({ seq: -3, attempt: 1 })
  })

  test('a finalizer gives up, and lets the retry behind it begin', () => {
    const finalizer = claimed({ seq: -1 })
    const ended: EndedAttempt = { outcome: outcomes.retried, error, ms: 1, deaths: 0 }
    expect(undecided(finalizer, ended, error, 2)).toMatchObject({
      outcome: outcomes.gaveUp,
      error,
      next: [{ seq: 0, attempt: 2 }],
    })
    expect(undecided(finalizer, null, error, 2)).toMatchObject({ outcome: outcomes.gaveUp, next: [] })
  })
})
