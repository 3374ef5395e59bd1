import { parseDuration } from '../../kernel/rules/duration.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { standsStill, type Came } from './rules.ts'
import type { Restart } from './step.ts'
import type { Turn } from './turn.ts'

export async function runPlain(turn: Turn<'plain'>): Promise<Came> {
  const { body, ctx, scope, where } = turn
  await body.execute(ctx.input, ctx)
  const answer = ((await body.shouldRestart?.(ctx.input, ctx)) ?? false) as Restart
  if (answer === false) return { kind: 'done' }
  const delayMs = answer === true ? 0 : parseDuration(answer.delay, `shouldRestart of ${where}`)
  if (ctx.restart >= body.maxRestarts)
    throw new MillraceError(
      'MILL_PIPELINE_RESTARTS_EXCEEDED',
      `${where} asked for restart ${ctx.restart + 1}; its maxRestarts allows ${body.maxRestarts}`,
      { data: { jobId: ctx.jobId, maxRestarts: body.maxRestarts } },
    )
  const wrote = (await scope.hasWrites()) || scope.buffered.length > 0
  if (standsStill({ delayMs, stateChanged: turn.stateChanged(), wrote }))
    throw new MillraceError(
      'MILL_PIPELINE_NO_PROGRESS',
      `${where} asked to be restarted at once, and has changed neither its state nor the database: it would do so for ever`,
      { data: { jobId: ctx.jobId } },
    )
  return { kind: 'again', delayMs }
}
