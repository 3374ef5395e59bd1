import { randomBytes } from 'node:crypto'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { decode } from '../codec.ts'
import type { Answer, Asked, Came } from './rules.ts'
import type { Turn } from './turn.ts'

type AnswerTurn = Turn<'signal' | 'approval'>

/** `now`: the database's clock, epoch ms. */
export async function runAnswer(turn: AnswerTurn, now: () => Promise<number>): Promise<Came> {
  const { body, ctx, work, pipeline } = turn
  switch (work.kind) {
    case 'ask':
      if (body.kind === 'signal') await body.notify?.(ctx.input, ctx)
      else await body.notify?.(pipeline.steps[pipeline.index]?.asked?.token ?? '', ctx)
      return { kind: 'awaits', forMs: work.forMs }
    case 'await': {
      const left = work.until === null ? null : work.until - (await now())
      if (left === null || left > 0) return { kind: 'awaits', forMs: left }
      await timedOut(turn)
      return { kind: 'done' }
    }
    case 'answer':
      await apply(turn, work.answer)
      return { kind: 'done' }
    default: {
      const token = body.kind === 'approval' ? tokenOf(ctx.jobId) : null
      const asked: Asked = { what: body.kind, token, answered: false }
      // The token commits before anybody hears of it, so that a link that was sent stays good.
      return { kind: body.notify === undefined ? 'awaits' : 'asks', asked, forMs: body.timeoutMs }
    }
  }
}

async function timedOut({ body, ctx, where }: AnswerTurn): Promise<void> {
  if (typeof body.onTimeout === 'function') await body.onTimeout(ctx.input, ctx)
  if (body.onTimeout === 'fail')
    throw new MillraceError(
      'MILL_PIPELINE_TIMED_OUT',
      `${where} had no answer in ${body.timeoutMs ?? 0} ms`,
      {
        data: { jobId: ctx.jobId },
      },
    )
}

async function apply({ body, ctx, where }: AnswerTurn, { kind, data, by }: Answer): Promise<void> {
  const given: unknown = data === null ? undefined : decode(data.json, data.types)
  if (body.kind === 'signal') {
    await body.apply?.(given as never, ctx)
    return
  }
  if (kind === 'rejected' && body.onReject === 'fail')
    throw new MillraceError(
      'MILL_PIPELINE_REJECTED',
      `${where} was rejected${by === null ? '' : ` by ${by}`}`,
      {
        data: { jobId: ctx.jobId, by, form: given },
      },
    )
  await body.apply?.({ approved: kind === 'approved', form: given, by } as never, ctx)
}

/** The job that it belongs to, and 192 bits that nobody can guess; fit for a link. */
function tokenOf(job: string): string {
  return `${job}.${randomBytes(24).toString('base64url')}`
}
