import { MillraceError } from '../../kernel/rules/errors.ts'
import { statusOfOutcome } from '../../kernel/rules/job-status.ts'
import { outcomes } from '../../kernel/rules/outcome.ts'
import { reviveError } from '../../kernel/rules/stored-error.ts'
import { Snooze } from '../../kernel/runtime/execution-scope.ts'
import type { History } from '../../kernel/storage/history.ts'
import { decodeResult } from '../store-result.ts'
import { recheckMs, type Came } from './rules.ts'
import type { Turn } from './turn.ts'

export interface ChildServices {
  readonly history: History
  /** The database's clock, epoch ms. */
  readonly databaseNow: () => Promise<number>
}

const good: readonly number[] = [outcomes.completed, outcomes.completedWithErrors, outcomes.skipped]

export async function runChild(turn: Turn<'child'>, services: ChildServices): Promise<Came> {
  const { body, ctx, work, where, pipeline } = turn
  if (work.kind !== 'child') return start(turn)
  const { child, by } = work
  const [record] = await services.history.jobs([child])
  const ended = record?.facts.ended
  if (ended === null) {
    const { begun = 0 } = pipeline.steps[pipeline.index] ?? {}
    throw new Snooze(recheckMs((await services.databaseNow()) - begun), 'awaiting')
  }
  if (record !== undefined && ended !== undefined && good.includes(ended)) {
    await body.apply?.(decodeResult(record.result) as never, ctx)
    return { kind: 'done' }
  }
  // Another job goes on with the pipeline that failed with its child.
  if (by !== ctx.jobId) return start(turn)
  const { status, substatus } =
    ended === undefined ? { status: 'gone', substatus: 'pruned' } : statusOfOutcome(ended)
  const error = record?.error ?? null
  throw new MillraceError(
    'MILL_PIPELINE_CHILD_FAILED',
    `job ${child} of ${where} is ${status} (${substatus})${error === null ? '' : `: ${error.message}`}`,
    {
      ...(error === null ? {} : { cause: reviveError(error) }),
      data: { jobId: child, status, substatus },
    },
  )
}

/** It is written with the end of this execution, or not at all. */
async function start({ body, ctx, scope, services }: Turn<'child'>): Promise<Came> {
  const input: unknown = await body.input(ctx.input, ctx)
  const { id } = await services.enqueue(body.run, input, body.options, scope)
  return { kind: 'started', child: id, by: ctx.jobId }
}
