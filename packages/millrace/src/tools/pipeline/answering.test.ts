import { expect, test } from 'vitest'
import { outcomes } from '../../kernel/rules/outcome.ts'
import { answer } from './answering.ts'
import { advance, answeredBy, passedOver, planned, type Answer, type Asked, type Pipeline } from './rules.ts'
import type { Found } from './steering.ts'

const at = (seq: number) => ({ job: 'j', seq, now: seq * 100 })
const kept = { state: null, finalizes: false }
const begun = planned(['a', 'b'], null, at(0))
const asking = (what: Asked['what'], forMs: number | null = null): Pipeline =>
  advance(begun, { kind: 'awaits', asked: { what, token: null, answered: false }, forMs }, kept, at(1))
    .pipeline
const approval = asking('approval')
const found: Found = { job: 'j', pipeline: approval, queued: { seq: 3 }, ended: null, held: false }
const yes: Answer = { kind: 'approved', data: { json: '1' }, by: 'ann' }
const given: Answer = { kind: 'signal', data: null, by: null }

test('an answer takes the place of what waits, also while its notify is tried again, and before its time is over', () => {
  expect(answer(found, 0, yes, 500)).toEqual({ pipeline: answeredBy(approval, yes), seq: 4 })
  const told = { ...found, pipeline: { ...approval, work: { kind: 'ask', forMs: 1 } } } as const
  expect(answer(told, 0, yes, 500)).toMatchObject({ pipeline: { work: { kind: 'answer' } } })
  expect(answer({ ...found, pipeline: asking('signal', 50) }, 0, given, 149)).toMatchObject({ seq: 4 })
})

const over = 'MILL_PIPELINE_TOKEN_EXPIRED'
const invalid = 'MILL_PIPELINE_MOVE_INVALID'
test.for<[what: string, change: Partial<Found>, index: number, answer: Answer, code: string]>([
  ['it was answered', { pipeline: answeredBy(approval, yes) }, 0, yes, 'MILL_PIPELINE_TOKEN_USED'],
  ['the pipeline has ended', { queued: null, ended: outcomes.failed }, 0, yes, over],
  ['it was passed over', { pipeline: passedOver(approval, at(2)) }, 0, yes, over],
  ['its time is over', { pipeline: asking('approval', 50) }, 0, yes, over],
  ['its time is over, of a signal', { pipeline: asking('signal', 50) }, 0, given, invalid],
  ['it had its signal', { pipeline: answeredBy(asking('signal'), given) }, 0, given, invalid],
  ['it comes later', {}, 1, given, 'MILL_PIPELINE_NOT_WAITING'],
  ['it has not asked', { pipeline: begun }, 0, given, 'MILL_PIPELINE_NOT_WAITING'],
  ['its notify runs', { queued: null }, 0, yes, 'MILL_PIPELINE_NOT_WAITING'],
  ['it waits for something else', {}, 0, given, invalid],
])('refused: %s', ([, change, index, one, code]) => {
  expect(() => answer({ ...found, ...change }, index, one, 150)).toThrow(expect.objectContaining({ code }))
})
