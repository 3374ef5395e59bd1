import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { waitReasons } from './decision.ts'
import { canMove, statusOf, statusOfOutcome, type JobState } from './job-status.ts'
import { endsJob, outcomes } from './outcome.ts'
import { jobStatuses, type JobFacts } from './status.ts'

const nothing: JobFacts = {
  ended: null,
  ready: false,
  waiting: null,
  leased: null,
  finalizing: false,
  aborting: false,
}
const open = { paused: false, known: true }
const waiting = { reason: waitReasons.retrying, dueAt: 5, gate: null }
const running = { started: true, worker: 3 }

describe('statusOf', () => {
  test.each<[string, Partial<JobFacts>, JobState]>([
    ['ready', { ready: true }, { status: 'Queued', substatus: 'ready', reason: {} }],
    ['waiting', { waiting }, { status: 'Queued', substatus: 'retrying', reason: { dueAt: 5 } }],
    [
      'parked at a limit',
      { waiting: { reason: waitReasons.rateLimited, dueAt: null, gate: 'api' } },
      { status: 'Queued', substatus: 'rateLimited', reason: { gate: 'api' } },
    ],
    [
      'waiting for what a newer release knows',
      { waiting: { ...waiting, reason: 99 } },
      { status: 'Queued', substatus: 'scheduled', reason: { dueAt: 5 } },
    ],
    [
      'claimed',
      { leased: { started: false, worker: 3 } },
      { status: 'Queued', substatus: 'claimed', reason: { worker: 3 } },
    ],
    [
      'the start of a job of several executions',
      { leased: running, several: true },
      { status: 'Preparing', substatus: 'running', reason: { worker: 3 } },
    ],
    [
      'a later execution of it',
      { leased: running, several: true, begun: true },
      { status: 'Processing', substatus: 'running', reason: { worker: 3 } },
    ],
    [
      'between two of them',
      { ready: true, several: true, begun: true },
      { status: 'Processing', substatus: 'ready', reason: {} },
    ],
    ['running', { leased: running }, { status: 'Processing', substatus: 'running', reason: { worker: 3 } }],
    [
      'a retry behind its finalizer',
      { finalizing: true },
      { status: 'Queued', substatus: 'finalizing', reason: {} },
    ],
    [
      'aborting',
      { leased: running, aborting: true },
      { status: 'Processing', substatus: 'aborting', reason: { worker: 3 } },
    ],
    [
      'aborting, handed back',
      { ready: true, aborting: true },
      { status: 'Processing', substatus: 'aborting', reason: {} },
    ],
    [
      'the start of several executions',
      { leased: running, several: true },
      { status: 'Preparing', substatus: 'running', reason: { worker: 3 } },
    ],
    [
      'a chunk',
      { leased: running, several: true, begun: true },
      { status: 'Processing', substatus: 'running', reason: { worker: 3 } },
    ],
    [
      'a chunk that is claimed',
      { leased: { started: false, worker: 3 }, several: true, begun: true },
      { status: 'Processing', substatus: 'claimed', reason: { worker: 3 } },
    ],
    [
      'between chunks',
      { ready: true, several: true, begun: true },
      { status: 'Processing', substatus: 'ready', reason: {} },
    ],
    [
      'a chunk that is to be tried again',
      { waiting, several: true, begun: true },
      { status: 'Processing', substatus: 'retrying', reason: { dueAt: 5 } },
    ],
    [
      'a batch in its flex queue',
      { waiting: { reason: waitReasons.holding, dueAt: null, gate: 'flex:acme' }, several: true },
      { status: 'Holding', substatus: 'holding', reason: { gate: 'flex:acme' } },
    ],
    ['nowhere', {}, { status: 'Queued', substatus: 'ready', reason: { nowhere: true } }],
    [
      'ended, its finalizer still to run',
      { ended: outcomes.failed, finalizing: true },
      { status: 'Failed', substatus: 'failed', reason: { outcome: 'failed' } },
    ],
  ])('%s', (_, facts, state) => {
    expect(statusOf({ ...nothing, ...facts }, open)).toEqual(state)
  })

  test('what holds the lane is told: of a ready job as its substatus, of others beside it', () => {
    const paused = { paused: true, known: false }
    const held = { paused: true, unknownDefinition: true }
    expect(statusOf({ ...nothing, ready: true }, paused)).toEqual({
      status: 'Queued',
      substatus: 'paused',
      reason: held,
    })
    expect(statusOf({ ...nothing, ready: true }, { paused: false, known: false })).toEqual({
      status: 'Queued',
      substatus: 'unknownDefinition',
      reason: { unknownDefinition: true },
    })
    expect(statusOf({ ...nothing, waiting }, paused)).toMatchObject({
      substatus: 'retrying',
      reason: { ...held, dueAt: 5 },
    })
    expect(statusOf({ ...nothing, finalizing: true }, paused)).toMatchObject({
      substatus: 'finalizing',
      reason: held,
    })
  })

  test('an end is final, whatever else stands there', () => {
    const ends = Object.values(outcomes).filter(endsJob)
    const facts = fc.record<JobFacts>({
      ended: fc.constantFrom(...ends),
      ready: fc.boolean(),
      waiting: fc.constantFrom(null, waiting),
      leased: fc.constantFrom(null, running),
      finalizing: fc.boolean(),
      aborting: fc.boolean(),
    })
    fc.assert(
      fc.property(facts, fc.boolean(), fc.boolean(), (all, paused, known) => {
        expect(statusOf(all, { paused, known })).toMatchObject(statusOfOutcome(all.ended!))
      }),
    )
  })
})

describe('statusOfOutcome', () => {
  test.each([
    ['completed', 'Completed', 'completed'],
    ['completedWithErrors', 'Completed', 'completedWithErrors'],
    ['skipped', 'Completed', 'skipped'],
    ['failed', 'Failed', 'failed'],
    ['expired', 'Failed', 'expired'],
    ['parked', 'Failed', 'lost'],
    ['aborted', 'Aborted', 'aborted'],
    ['replaced', 'Aborted', 'replaced'],
  ] as const)('%s is %s, %s', (outcome, status, substatus) => {
    expect(statusOfOutcome(outcomes[outcome])).toEqual({ status, substatus })
  })

  test('every outcome that ends a job has a final status, no other has one', () => {
    for (const outcome of Object.values(outcomes)) {
      if (endsJob(outcome)) {
        const { status } = statusOfOutcome(outcome)
        expect(jobStatuses.filter((to) => canMove(status, to))).toEqual([status])
      } else expect(() => statusOfOutcome(outcome)).toThrow(RangeError)
    }
    expect(() => statusOfOutcome(99)).toThrow(RangeError)
  })
})

test('the status machine (I-6)', () => {
  const moves = Object.fromEntries(
    jobStatuses.map((from) => [from, jobStatuses.filter((to) => to !== from && canMove(from, to))]),
  )
  expect(moves).toEqual({
    Holding: ['Queued', 'Failed', 'Aborted'],
    Queued: ['Holding', 'Preparing', 'Processing', 'Completed', 'Failed', 'Aborted'],
    Preparing: ['Queued', 'Processing', 'Completed', 'Failed', 'Aborted'],
    Processing: ['Queued', 'Completed', 'Failed', 'Aborted'],
    Completed: [],
    Failed: [],
    Aborted: [],
  })
  expect(jobStatuses.every((status) => canMove(status, status))).toBe(true)
})
