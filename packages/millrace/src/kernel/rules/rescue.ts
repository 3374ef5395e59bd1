import { afterGivenUp, finalizerOf, retryAfterFinalizer } from './decide.ts'
import type { NextExecution, Rescue, Rescued, Unsettled } from './decision.ts'
import type { ErrorCode } from './errors.ts'
import { outcomes, type Outcome } from './outcome.ts'

/** Deaths after which an execution is parked (R9). */
export const DEFAULT_MAX_DEATHS = 3

/**
 * What becomes of an execution whose worker died. Not begun: handed back, nothing charged. Begun: the attempt is lost
 * and the next one follows, whatever the retry policy says; after `maxDeaths` deaths it is parked instead, and past its
 * deadline it expires. Of a job of several executions a chunk is not parked but given up, and the next execution takes care of it. A finalizer runs for a lost attempt as for any other (semantics F-08); one that dies too often
 * gives up and lets the job go on. `care` of what returns says that its start must be recorded before it begins.
 */
export function createRescue({ maxDeaths }: { readonly maxDeaths: number }): Rescue {
  return (unsettled) => {
    if (!unsettled.started) return { kind: 'handBack', care: 1 + unsettled.deaths }
    const deaths = unsettled.deaths + 1
    return unsettled.seq < 0
      ? rescueFinalizer(unsettled, deaths, maxDeaths)
      : rescueJob(unsettled, deaths, maxDeaths)
  }
}

function rescueJob(unsettled: Unsettled, deaths: number, maxDeaths: number): Rescued {
  const finalizer = unsettled.finalizer ? [finalizerOf(unsettled)] : []
  if (deaths >= maxDeaths && unsettled.seq > 0) {
    const why = `Its process died ${deaths} times while it ran, so it was given up.`
    return lost(outcomes.gaveUp, 'MILL_PARKED', why, [afterGivenUp(unsettled)])
  }
  if (deaths >= maxDeaths) {
    const why = `Its process died ${deaths} times while it ran, so it was parked. Find out why it kills its process, then retry it.`
    return lost(outcomes.parked, 'MILL_PARKED', why, finalizer)
  }
  if (unsettled.expired) {
    return lost(
      outcomes.expired,
      'MILL_DEADLINE_EXCEEDED',
      `${diedIn(unsettled)} Its deadline has passed.`,
      finalizer,
    )
  }
  const next = unsettled.finalizer && !unsettled.several ? finalizer : [again(unsettled, deaths)]
  return lost(outcomes.lost, 'MILL_PROCESS_LOST', diedIn(unsettled), next)
}

function rescueFinalizer(unsettled: Unsettled, deaths: number, maxDeaths: number): Rescued {
  if (deaths < maxDeaths) {
    return lost(outcomes.lost, 'MILL_PROCESS_LOST', diedIn(unsettled), [again(unsettled, deaths)])
  }
  const next = unsettled.ended === null ? [] : retryAfterFinalizer(unsettled, unsettled.ended, 0)
  const why = `The finalizer's process died ${deaths} times while it ran, so it was given up.`
  return lost(outcomes.gaveUp, 'MILL_PARKED', why, next)
}

function again({ seq, attempt }: Unsettled, deaths: number): NextExecution {
  return { seq, attempt: attempt + 1, care: 1 + deaths, when: { ready: true } }
}

function diedIn({ attempt, seq }: Unsettled): string {
  const what = seq < 0 ? `attempt ${attempt} of the finalizer` : `attempt ${attempt}`
  return `The process that ran ${what} died or lost its lease.`
}

function lost(outcome: Outcome, code: ErrorCode, message: string, next: readonly NextExecution[]): Rescued {
  return { kind: 'lost', outcome, error: { name: 'MillraceError', code, message }, next }
}
