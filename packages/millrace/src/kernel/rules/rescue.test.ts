import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EndedAttempt, Rescued, Unsettled } from './decision.ts'
import { jobFinalizerSeq } from './execution.ts'
import { endsJob, outcomes } from './outcome.ts'
import { createRescue, DEFAULT_MAX_DEATHS } from './rescue.ts'

const rescue = createRescue({ maxDeaths: DEFAULT_MAX_DEATHS })

function unsettled(part: Partial<Unsettled> = {}): Unsettled {
  const row = { job: 'j', seq: 0, attempt: 2, lane: 1, prio: 5, care: 0, started: true, deaths: 0 }
  return { ...row, several: false, finalizer: false, ended: null, expired: false, ...part }
}

const retried: EndedAttempt = { outcome: outcomes.retried, ms: 1, error: null, deaths: 0 }

test('not begun: handed back, nothing charged, to be started with care', () => {
  expect(rescue(unsettled({ started: false }))).toEqual({ kind: 'handBack', care: 1 })
  expect(rescue(unsettled({ started: false, deaths: 2, expired: true }))).toEqual({
    kind: 'handBack',
    care: 3,
  })
})

test('a chunk that died too often is given up, and the next execution takes care of it; the job is not parked', () => {
  const rescued = rescue(
    unsettled({ seq: 4, deaths: DEFAULT_MAX_DEATHS - 1, several: true, finalizer: true }),
  )
  expect(rescued).toMatchObject({
    outcome: outcomes.gaveUp,
    error: { code: 'MILL_PARKED' },
    next: [{ seq: 5, attempt: 1, care: 0, when: { ready: true } }],
  })
})

test('a job of several executions has no finalizer before its end', () => {
  const lost = { several: true, finalizer: true }
  expect(rescue(unsettled(lost))).toMatchObject({ outcome: outcomes.lost, next: [{ seq: 0, attempt: 3 }] })
  expect(rescue(unsettled({ ...lost, seq: 4 }))).toMatchObject({ next: [{ seq: 4, attempt: 3 }] })
  const expired = rescue(unsettled({ ...lost, seq: 4, expired: true }))
  expect(expired).toMatchObject({ outcome: outcomes.expired, next: [{ seq: jobFinalizerSeq, attempt: 1 }] })
})

test('begun: lost, and the next attempt is ready with the death in its care', () => {
  expect(rescue(unsettled({ deaths: 1 }))).toMatchObject({
    kind: 'lost',
    outcome: outcomes.lost,
    error: {
      name: 'MillraceError',
      code: 'MILL_PROCESS_LOST',
      message: 'The process that ran attempt 2 died or lost its lease.',
    },
    next: [{ seq: 0, attempt: 3, care: 3, when: { ready: true } }],
  })
})

test('with a finalizer, that comes first', () => {
  expect(rescue(unsettled({ finalizer: true }))).toMatchObject({
    outcome: outcomes.lost,
    next: [{ seq: -2, attempt: 1, care: 0, when: { ready: true } }],
  })
})

test('the third death parks; the finalizer still runs', () => {
  expect(rescue(unsettled({ deaths: 2, expired: true }))).toMatchObject({
    outcome: outcomes.parked,
    error: { code: 'MILL_PARKED', message: expect.stringContaining('died 3 times') as string },
    next: [],
  })
  expect(rescue(unsettled({ deaths: 2, finalizer: true }))).toMatchObject({
    outcome: outcomes.parked,
    next: [{ seq: -2, attempt: 1 }],
  })
  expect(createRescue({ maxDeaths: 1 })(unsettled())).toMatchObject({ outcome: outcomes.parked })
})

test('past its deadline a lost attempt expires; the finalizer still runs', () => {
  expect(rescue(unsettled({ expired: true }))).toMatchObject({
    outcome: outcomes.expired,
    error: { code: 'MILL_DEADLINE_EXCEEDED' },
    next: [],
  })
  expect(rescue(unsettled({ expired: true, finalizer: true }))).toMatchObject({
    next: [{ seq: -2, attempt: 1 }],
  })
})

test('a lost finalizer is tried again, whatever the deadline', () => {
  expect(
    rescue(unsettled({ seq: -2, attempt: 1, finalizer: true, ended: retried, expired: true })),
  ).toMatchObject({
    outcome: outcomes.lost,
    error: { message: 'The process that ran attempt 1 of the finalizer died or lost its lease.' },
    next: [{ seq: -2, attempt: 2, care: 2, when: { ready: true } }],
  })
})

test.each<[EndedAttempt | null, Extract<Rescued, { kind: 'lost' }>['next']]>([
  [retried, [{ seq: 0, attempt: 3, care: 0, when: { ready: true } }]],
  [
    { ...retried, outcome: outcomes.lost, deaths: 1 },
    [{ seq: 0, attempt: 3, care: 2, when: { ready: true } }],
  ],
  [{ ...retried, outcome: outcomes.failed }, []],
  [null, []],
])('a finalizer that dies too often gives up, and the job goes on: %j', (ended, next) => {
  expect(rescue(unsettled({ seq: -2, attempt: 3, deaths: 2, finalizer: true, ended }))).toEqual({
    kind: 'lost',
    outcome: outcomes.gaveUp,
    error: {
      name: 'MillraceError',
      code: 'MILL_PARKED',
      message: "The finalizer's process died 3 times while it ran, so it was given up.",
    },
    next,
  })
})

test('a job is never left without a next step while it goes on, and dies at most maxDeaths times', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.boolean(), (maxDeaths, finalizer) => {
      const kill = createRescue({ maxDeaths })
      let deaths = 0
      let attempt = 1
      for (;;) {
        const rescued = kill(unsettled({ attempt, deaths, finalizer }))
        if (rescued.kind === 'handBack') throw new Error('it had begun')
        deaths += 1
        if (endsJob(rescued.outcome)) break
        const [next] = rescued.next
        expect(next?.seq).toBe(finalizer ? -attempt : 0)
        attempt += 1
      }
      expect(deaths).toBe(maxDeaths)
    }),
  )
})
