import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Came } from './rules.ts'
import type { Turn } from './turn.ts'

/** Statuses that say "not now" (semantics ST-22). */
const passing = (status: number): boolean => status >= 500 || status === 429 || status === 408

export async function runCallout({ body, ctx, scope, where }: Turn<'callout'>): Promise<Came> {
  const answer: unknown = await ctx.callout(async () => body.callout(ctx.input, ctx))
  if (answer instanceof Response && !answer.ok) throw await refusal(answer, where)
  if ((await scope.hasWrites()) || scope.buffered.length > 0)
    throw new MillraceError(
      'MILL_CALLOUT_AFTER_WRITE',
      `the callout of ${where} wrote or enqueued something; do that in apply`,
      { data: { jobId: ctx.jobId } },
    )
  // What it read would stay open else.
  await scope.letGo()
  await body.apply?.(answer as never, ctx)
  return { kind: 'done' }
}

async function refusal(response: Response, where: string): Promise<MillraceError> {
  const { status, statusText } = response
  await response.body?.cancel()
  const code = passing(status) ? 'MILL_CALLOUT_FAILED' : 'MILL_CALLOUT_REFUSED'
  const error = new MillraceError(
    code,
    `the callout of ${where} was answered ${status} ${statusText}`.trimEnd(),
    {
      data: { status },
    },
  )
  const retryAfter = secondsOf(response.headers.get('retry-after'))
  return retryAfter === null ? error : Object.assign(error, { retryAfter })
}

/** Retry-After in seconds; as a date it is not heeded, for clocks of others may be wrong. */
function secondsOf(header: string | null): number | null {
  return header !== null && /^\d{1,9}$/.test(header.trim()) ? Number(header) : null
}
