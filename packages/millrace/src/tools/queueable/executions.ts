import { decide, decideFinalizer } from '../../kernel/rules/decide.ts'
import type { EndedAttempt } from '../../kernel/rules/decision.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Claimed } from '../../kernel/rules/execution.ts'
import { endsJob, outcomes } from '../../kernel/rules/outcome.ts'
import { normalizeRetry } from '../../kernel/rules/retry.ts'
import { reviveError } from '../../kernel/rules/stored-error.ts'
import type { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import type { ExecutionHandler } from '../../kernel/runtime/handler.ts'
import { decode } from '../codec.ts'
import { boundsOf } from '../definition-bounds.ts'
import { validate } from '../definition.ts'
import { storeResult, type ResultServices } from '../store-result.ts'
import { ScopedContext, type ContextServices } from '../handler-context.ts'
import type { FinalizerOutcome, FinalizerResult, QueueableDefinition } from './define.ts'

export interface QueueableServices extends ContextServices, ResultServices {
  readonly defaultTimeoutMs: number
}

/** What the kernel runs for a queueable: one execution, and a finalizer after each of its attempts. */
export function queueableHandler(
  definition: QueueableDefinition,
  services: QueueableServices,
): ExecutionHandler {
  const { retryOf, timeoutMs } = boundsOf(definition, services.defaultTimeoutMs)
  const finalizerRetry = normalizeRetry(definition.finalizerRetry, `finalizerRetry of ${definition.name}`)

  return {
    name: definition.name,
    version: definition.version,
    timeoutMs: (run) => (run.seq >= 0 ? run.options?.timeoutMs : undefined) ?? timeoutMs,
    async execute(scope) {
      const input = decode(scope.run.payload, scope.run.options?.types)
      const ctx = new ScopedContext(scope, services)
      const { schema } = definition
      const where = `input of ${definition.name}`
      if (scope.run.seq < 0) {
        // Of a job that failed because its input does not fit, the finalizer must hear all the same.
        const value = await validate(schema, input, where).catch(() => input)
        await definition.finalizer?.(outcomeOf(scope, value) as FinalizerOutcome<never>, ctx)
        return undefined
      }
      const value = schema === undefined ? input : await validate(schema, input, where)
      return storeResult(await definition.execute(value as never, ctx), definition.name, services)
    },
    decide(run, { result, classes, ms, now, chance, ended }) {
      const at = { now, chance }
      if (run.seq >= 0) {
        return decide(finalized(run, definition), result, { retry: retryOf(run), classes }, ms, at)
      }
      if (ended === null)
        throw new MillraceError('MILL_INTERNAL', `finalizer ${run.seq} of ${run.job} has no ended attempt`)
      return decideFinalizer(
        run,
        ended,
        result,
        { retry: finalizerRetry, classes, jobRetry: retryOf(run) },
        ms,
        at,
      )
    },
  }
}

/** Whoever enqueued it in SQL, or before the definition had a finalizer, did not know of it. */
function finalized(run: Claimed, { hasFinalizer }: QueueableDefinition): Claimed {
  if (!hasFinalizer || run.options?.finalizer === true) return run
  return { ...run, options: { ...run.options, finalizer: true } }
}

function outcomeOf({ run, ended }: ExecutionScope, input: unknown): FinalizerOutcome<unknown> {
  if (ended === null)
    throw new MillraceError('MILL_INTERNAL', `finalizer ${run.seq} of ${run.job} has no ended attempt`)
  const result = resultOf(ended)
  return {
    result,
    exception: result === 'SUCCESS' || ended.error === null ? null : reviveError(ended.error),
    jobId: run.job,
    attempt: -run.seq,
    willRetry: !endsJob(ended.outcome),
    durationMs: ended.ms,
    input,
  }
}

function resultOf({ outcome }: EndedAttempt): FinalizerResult {
  switch (outcome) {
    case outcomes.completed:
    case outcomes.completedWithErrors:
    case outcomes.skipped:
      return 'SUCCESS'
    case outcomes.lost:
    case outcomes.parked:
      return 'LOST'
    case outcomes.aborted:
    case outcomes.replaced:
      return 'ABORTED'
    default:
      return 'UNHANDLED_EXCEPTION'
  }
}
