import { describeValue } from '../../kernel/rules/describe-value.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { Skip } from '../../kernel/runtime/execution-scope.ts'
import type { CursorEnv } from '../../records/cursor/cursor.ts'
import { closePages, openPages, recordsWithin } from '../../records/page/pager.ts'
import type { SnapshotPlan } from '../../records/page/plan.ts'
import { RecordQuery } from '../../records/record-query.ts'
import type { Came, FixedIds, Work } from './rules.ts'
import type { Turn } from './turn.ts'

type PageWork = Extract<Work, { readonly kind: 'page' }>

export async function runCursor(turn: Turn<'cursor'>): Promise<Came> {
  const { work } = turn
  return work.kind === 'page' ? page({ ...turn, work }) : { kind: 'opened', ids: await open(turn) }
}

async function open(turn: Turn<'cursor'>): Promise<FixedIds> {
  const { body, ctx, where } = turn
  const { query } = await queryOf(body.open(ctx.input, ctx), where)
  const tree = await query.tree()
  const { binds } = query
  const { size } = body
  const plan = await openPages(await envOf(turn), tree, {
    snapshot: true,
    ...(binds === undefined ? {} : { binds }),
  })
  if (plan.kind !== 'snapshot') throw new MillraceError('MILL_INTERNAL', `${where} got no fixed ids`)
  return { query: plan.query, snapshot: plan.snapshot, total: plan.to, size }
}

/** A query that is waited for runs, so it is looked at first. */
async function queryOf(given: unknown, where: string): Promise<{ readonly query: RecordQuery }> {
  if (given instanceof RecordQuery) return { query: given as RecordQuery }
  const source: unknown = await given
  const query = (source as { readonly query?: unknown } | null | undefined)?.query
  if (query instanceof RecordQuery) return { query: query as RecordQuery }
  throw new MillraceError(
    'MILL_PIPELINE_OPEN_INVALID',
    `the open of ${where} gave ${describeValue(source)}, which is no query`,
  )
}

async function page(turn: Turn<'cursor', PageWork>): Promise<Came> {
  const { body, ctx, work, where } = turn
  const { ids, from, to } = work
  if (to <= from)
    throw new MillraceError(
      'MILL_PIPELINE_NO_PROGRESS',
      `the cursor of ${where} does not move on from ${from}`,
    )
  const plan: SnapshotPlan = { ...ids, kind: 'snapshot', to: ids.total }
  const records = await recordsWithin(await envOf(turn), plan, { kind: 'positions', from, to })
  try {
    if (records.length > 0) await body.onPage(records as never, ctx)
  } catch (thrown) {
    // There was nothing to do with these records.
    if (!(thrown instanceof Skip)) throw thrown
  }
  if (to >= ids.total) await closePages(await envOf(turn), plan)
  return { kind: 'page', records: records.length }
}

/** Asked for anew after the step's own code, which may have let the transaction go. */
async function envOf({ scope, services }: Turn<'cursor'>): Promise<CursorEnv> {
  await scope.transaction()
  return scope.part(services.recordsPart).place.session({}).reading()
}
