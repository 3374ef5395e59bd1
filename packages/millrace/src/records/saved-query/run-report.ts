import { MillraceError } from '../../kernel/rules/errors.ts'
import type { RecordsEnv } from '../env.ts'
import { runQuery } from '../run.ts'
import { GroupTree, type ReportGroup } from './group-tree.ts'
import { planReport, type ReportPlan, type PlannedGrouping } from './report-query.ts'
import type { Chart, ReportDefinition, ReportFormat } from './report.ts'
import { resultColumn, type ResultColumn, type RowPage, type RunSavedQueryOptions } from './result.ts'
import { mayName, rowPage, runOptions, writerOf, type CheckedOptions } from './run-list-view.ts'

export interface RunReportOptions extends RunSavedQueryOptions {
  /** Read groups and totals. Default: with the first page. */
  readonly totals?: boolean
  /** Read rows. Default true. */
  readonly rows?: boolean
}

export interface ReportPage extends RowPage {
  readonly format: ReportFormat
  readonly groupings: { readonly rows: readonly ResultColumn[]; readonly columns: readonly ResultColumn[] }
  readonly aggregates: readonly ResultColumn[]
  /** The whole report, with its groups inside; null when totals were not read, and of a report with a row limit. */
  readonly totals: ReportGroup | null
  readonly chart: Chart | null
}

/** Groups of all levels that one report may have. */
const mostGroups = 20_000

/**
 * One page of a report's rows, and the totals of its groups. Rows come in the report's order, without one by primary key (semantics
 * M-22). Days, months and labels are of the caller's time zone. Throws MILL_SAVED_QUERY_INVALID, MILL_OPTIONS_INVALID,
 * MILL_QUERY_TOO_MANY_ROWS for more than 20,000 groups, and MILL_ACCESS_DENIED for what the caller may not read.
 */
export async function runReport(
  env: RecordsEnv,
  definition: ReportDefinition,
  options: RunReportOptions = {},
): Promise<ReportPage> {
  const run = runOptions(options, 'runReport', ['totals', 'rows'])
  const { rows = true, totals = options.after === undefined } = options
  const plan = planReport(definition, env.schema, { timeZone: env.caller.timeZone })
  const page = rows ? await rowPage(env, plan, run) : noRows(plan)
  return {
    ...page,
    format: definition.format,
    groupings: { rows: plan.rows.map(groupColumn), columns: plan.across.map(groupColumn) },
    aggregates: plan.aggregates.map(({ column }) => resultColumn(column)),
    totals: totals && plan.groups.length > 0 ? await readTotals(env, plan, run) : null,
    chart: definition.chart ?? null,
  }
}

function groupColumn({ column }: PlannedGrouping): ResultColumn {
  return resultColumn(column)
}

function noRows(plan: ReportPlan): RowPage {
  return { columns: plan.columns.map(resultColumn), rows: [], rowCount: 0, next: null, truncated: false }
}

async function readTotals(env: RecordsEnv, plan: ReportPlan, options: CheckedOptions): Promise<ReportGroup> {
  const tree = new GroupTree(plan, writerOf(env, options), options.locale)
  for (const groups of plan.groups) {
    // Without groups there is one row, and SOQL allows no limit.
    const bound =
      groups.query.groupBy === undefined ? {} : { limit: { kind: 'number', value: mostGroups + 1 } as const }
    const query = { ...groups.query, ...bound, mode: options.mode }
    const found = await runQuery(env, query)
    if (found.length > mostGroups)
      throw new MillraceError(
        'MILL_QUERY_TOO_MANY_ROWS',
        `the report has more than ${mostGroups} groups; group by something coarser, or narrow it by filters`,
        { data: { maxRows: mostGroups } },
      )
    for (const record of found) tree.add(groups, record)
  }
  await nameReferences(env, plan, tree, options)
  return tree.result()
}

/** Groups by a reference show the names of its records. */
async function nameReferences(
  env: RecordsEnv,
  plan: ReportPlan,
  tree: GroupTree,
  options: CheckedOptions,
): Promise<void> {
  for (const { column } of [...plan.rows, ...plan.across]) {
    const { named } = column
    if (named === undefined || !mayName(env, column, options.mode)) continue
    const ids = tree.keysOf(column)
    for (const object of named.objects) {
      for (let at = 0; at < ids.length; at += 1_000) {
        const records = await runQuery(env, {
          from: object.name,
          select: [object.idField.name, named.field.name].map((name) => ({ kind: 'field', path: [name] })),
          where: {
            kind: 'in',
            left: { kind: 'field', path: [object.idField.name] },
            negated: false,
            values: [{ kind: 'value', value: ids.slice(at, at + 1_000) }],
          },
          mode: options.mode,
          allRows: true,
        })
        for (const record of records)
          tree.name(
            column,
            record[object.idField.name],
            writerOf(env, options).label(named.field, record[named.field.name]),
          )
      }
    }
  }
}
