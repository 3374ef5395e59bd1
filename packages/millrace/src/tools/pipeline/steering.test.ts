import { expect, test } from 'vitest'
import { outcomes } from '../../kernel/rules/outcome.ts'
import { planned } from './rules.ts'
import { steer, type Found, type Verb } from './steering.ts'

const pipeline = planned(['a', 'b'], null, { job: 'j', seq: 0, now: 0 })
const found: Found = { job: 'j', pipeline, queued: { seq: 3 }, ended: null, held: false }
const at = { newJob: 'k', now: 9 }
const retry: Verb = { kind: 'retry' }
const skip: Verb = { kind: 'skip' }
const restart: Verb = { kind: 'restart', from: 'b', state: { json: '1' } }

test('in its queue: a retry runs it now, the others put another execution in its place', () => {
  expect(steer(found, retry, at)).toEqual({ kind: 'now' })
  expect(steer(found, skip, at)).toMatchObject({ kind: 'inPlace', seq: 4, pipeline: { index: 1, round: 0 } })
  expect(steer({ ...found, held: true }, restart, at)).toMatchObject({
    kind: 'inPlace',
    seq: 4,
    pipeline: { index: 1, round: 1, state: { json: '1' }, steps: [{}, { job: 'j', from: 4 }] },
  })
})

test('ended: another job goes on, of a completed one by a restart alone', () => {
  const failed = { ...found, queued: null, ended: outcomes.failed }
  expect(steer(failed, retry, at)).toMatchObject({
    kind: 'continue',
    pipeline: { index: 0, root: 'j', steps: [{ job: 'k', from: 0 }] },
  })
  const completed = { ...failed, ended: outcomes.completed }
  expect(steer(completed, restart, at)).toMatchObject({ kind: 'continue' })
})

test.for<[what: string, change: Partial<Found>, verb: Verb, code: string]>([
  ['it runs', { queued: null }, restart, 'MILL_PIPELINE_STEP_RUNNING'],
  ['it is paused', { held: true }, retry, 'MILL_PIPELINE_MOVE_INVALID'],
  ['it has completed', { ended: outcomes.completed }, skip, 'MILL_PIPELINE_MOVE_INVALID'],
  ['there is no such step', {}, { kind: 'restart', from: 'z' }, 'MILL_PIPELINE_STEP_UNKNOWN'],
  [
    'another job goes on with it',
    { ended: outcomes.failed, pipeline: { ...pipeline, continuedBy: 'k' } },
    retry,
    'MILL_PIPELINE_CONTINUED',
  ],
])('refused: %s', ([, change, verb, code]) => {
  expect(() => steer({ ...found, ...change }, verb, at)).toThrow(expect.objectContaining({ code }))
})
