import { invalidOption, optionFields } from '../../kernel/rules/option-fields.ts'
import { describeValue } from '../../kernel/rules/describe-value.ts'
import type { RecordsEnv } from '../env.ts'
import type { AccessMode } from '../query/query.ts'
import { CellWriter } from './cell.ts'
import type { ListViewDefinition } from './list-view.ts'
import { planListView, type RowsPlan } from './list-view-query.ts'
import { recordPage } from './pager.ts'
import { selectedOf, valueAt, type PlannedColumn } from './columns.ts'
import { resultColumn, type ResultRow, type RowPage, type RunSavedQueryOptions } from './result.ts'

/**
 * One page of a list view in its own order; days of filters and labels are of the caller's time zone. Throws
 * MILL_SAVED_QUERY_INVALID, MILL_OPTIONS_INVALID, and MILL_ACCESS_DENIED for what the caller may not read.
 */
export async function runListView(
  env: RecordsEnv,
  definition: ListViewDefinition,
  options: RunSavedQueryOptions = {},
): Promise<RowPage> {
  const run = runOptions(options, 'runListView')
  return rowPage(env, planListView(definition, env.schema, { timeZone: env.caller.timeZone }), run)
}

export interface CheckedOptions {
  readonly after: string | undefined
  readonly pageSize: number
  readonly locale: string
  readonly mode: AccessMode
}

const largestPage = 2_000
const modes: readonly AccessMode[] = ['user', 'system', 'securityEnforced']

/** Throws MILL_OPTIONS_INVALID. */
export function runOptions(
  options: RunSavedQueryOptions,
  where: string,
  more: readonly string[] = [],
): CheckedOptions {
  optionFields(options, ['after', 'pageSize', 'locale', 'mode', ...more], where)
  const { after, pageSize = 200, locale = 'en-US', mode = 'user' } = options
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > largestPage)
    throw invalidOption(
      where,
      `pageSize must be a whole number from 1 to ${largestPage}; got ${describeValue(pageSize)}`,
    )
  if (after !== undefined && typeof after !== 'string')
    throw invalidOption(where, `after must be \`next\` of a page; got ${describeValue(after)}`)
  if (!modes.includes(mode))
    throw invalidOption(where, `mode must be one of ${modes.join(', ')}; got ${describeValue(mode)}`)
  return { after, pageSize, locale: checkedLocale(locale, where), mode }
}

function checkedLocale(locale: string, where: string): string {
  try {
    return Intl.getCanonicalLocales(locale)[0] ?? 'en-US'
  } catch {
    throw invalidOption(where, `locale must be a language tag like en-US; got ${describeValue(locale)}`)
  }
}

export async function rowPage(env: RecordsEnv, whole: RowsPlan, options: CheckedOptions): Promise<RowPage> {
  const plan = withReadableNames(env, whole, options.mode)
  const { records, next, truncated } = await recordPage(env, plan, {
    after: options.after,
    size: options.pageSize,
    mode: options.mode,
  })
  const writer = writerOf(env, options)
  const rows = records.map((record) => rowOf(plan, writer, record))
  return { columns: plan.columns.map(resultColumn), rows, rowCount: rows.length, next, truncated }
}

export function writerOf({ caller }: RecordsEnv, { locale }: CheckedOptions): CellWriter {
  return new CellWriter({ timeZone: caller.timeZone, locale })
}

function rowOf({ object, columns }: RowsPlan, writer: CellWriter, record: object): ResultRow {
  return {
    id: valueAt(record, [object.idField.name]) as string | number,
    cells: columns.map((column) => writer.cell(column, record)),
  }
}

/** The name of a parent is an extra: who may not read it sees the id, instead of an error. */
function withReadableNames(env: RecordsEnv, plan: RowsPlan, mode: AccessMode): RowsPlan {
  const columns = plan.columns.map((column) =>
    mayName(env, column, mode) ? column : { ...column, named: undefined },
  )
  return { ...plan, columns, query: { ...plan.query, select: selectedOf(plan.object, columns, plan.sort) } }
}

export function mayName({ access, caller }: RecordsEnv, { named }: PlannedColumn, mode: AccessMode): boolean {
  if (named === undefined || mode === 'system') return true
  return named.objects.every(
    (object) =>
      access.mayObject(caller, object, 'read') &&
      access.mayField(caller, object, object.field(named.field.name), 'read'),
  )
}
