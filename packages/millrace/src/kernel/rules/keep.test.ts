import { describe, expect, test } from 'vitest'
import type { Decision, NextExecution } from './decision.ts'
import type { Claimed } from './execution.ts'
import { keeping, keeps, keptBy } from './keep.ts'
import { outcomes } from './outcome.ts'

const run: Claimed = {
  ...{ job: 'j', seq: 2, attempt: 3, lane: 1, prio: 5, care: 0 },
  ...{ lease: 9, position: 4, marked: true, payload: '{}', options: null },
}
const next: NextExecution = { seq: 3, attempt: 1, care: 0, when: { ready: true } }
const ending = (...following: NextExecution[]): Decision => ({
  key: { job: 'j', seq: 2, attempt: 3 },
  ...{ lease: 9, lane: 1, prio: 5, outcome: outcomes.succeeded, ms: 1, next: following },
})

describe('an execution that follows at once', () => {
  test('is kept in the place of the one before it', () => {
    const kept = keeping(run, ending(next))
    expect(kept).toEqual(ending({ ...next, when: { keep: 4 } }))
    expect(keeps(kept!)).toBe(true)
    expect(keptBy(run, kept!)).toEqual({ ...run, seq: 3, attempt: 1 })
  })

  test.for<[string, Claimed, Decision]>([
    ['is none', run, ending()],
    ['is one of several', run, ending(next, { ...next, seq: 4 })],
    ['is due later', run, ending({ ...next, when: { dueInMs: 1, reason: 'snoozed' } })],
    ['is the same again', run, ending({ ...next, seq: 2 })],
    ['is a retry', run, ending({ ...next, attempt: 2 })],
    ['is watched', run, ending({ ...next, care: 1 })],
    ['is a finalizer', run, ending({ ...next, seq: -3 })],
    ['follows a finalizer', { ...run, seq: -3 }, ending({ ...next, seq: 0 })],
    ['follows one whose process died', { ...run, care: 2 }, ending(next)],
    ['takes limit keys', { ...run, options: { keys: [1] } }, ending(next)],
  ])('is not kept when it %s', ([, of, decision]) => {
    expect(keeping(of, decision)).toBeNull()
    expect(keeps(decision)).toBe(false)
    expect(keptBy(of, decision)).toBeNull()
  })
})
