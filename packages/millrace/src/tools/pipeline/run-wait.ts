import { parseDuration } from '../../kernel/rules/duration.ts'
import { describeValue } from '../../kernel/rules/describe-value.ts'
import type { Came } from './rules.ts'
import { invalidStep } from './step.ts'
import type { Turn } from './turn.ts'

/** `now`: the database's clock, epoch ms. */
export async function runWait(
  { body, ctx, work, where }: Turn<'wait'>,
  now: () => Promise<number>,
): Promise<Came> {
  if (work.kind === 'wait') {
    const left = work.until - (await now())
    return left > 0 ? { kind: 'waits', forMs: left } : { kind: 'done' }
  }
  const until: unknown = await body.until(ctx.input, ctx)
  if (until instanceof Date) {
    if (Number.isNaN(until.getTime())) throw invalidStep(`the until of ${where} gave an invalid Date`)
    return { kind: 'waits', forMs: Math.max(0, until.getTime() - (await now())) }
  }
  if (typeof until !== 'string') throw invalidStep(`${where} gave ${describeValue(until)} to wait for`)
  return { kind: 'waits', forMs: parseDuration(until, `delay of ${where}`) }
}
