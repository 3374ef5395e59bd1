import { MillraceError } from '../../kernel/rules/errors.ts'
import type { RecordsEnv } from '../env.ts'
import type { ListViewDefinition } from './list-view.ts'
import type { ReportDefinition } from './report.ts'
import type { RowPage, RunSavedQueryOptions } from './result.ts'
import { runListView } from './run-list-view.ts'
import { runReport, type ReportPage, type RunReportOptions } from './run-report.ts'
import type { SavedQuery } from './saved-query.ts'
import type { SavedQueries } from './stored.ts'

/** Throws MILL_SAVED_QUERY_UNKNOWN when there is none of this name, or it is a report. */
export async function runNamedListView(
  env: RecordsEnv,
  stored: SavedQueries,
  view: ListViewDefinition | string,
  options: RunSavedQueryOptions,
): Promise<RowPage> {
  const query = await named(env, stored, view)
  if (query.type !== 'listView') throw otherwise(query.name, 'a report; run it with report()')
  return runListView(env, query, options)
}

/** Throws MILL_SAVED_QUERY_UNKNOWN when there is none of this name, or it is a list view. */
export async function runNamedReport(
  env: RecordsEnv,
  stored: SavedQueries,
  report: ReportDefinition | string,
  options: RunReportOptions,
): Promise<ReportPage> {
  const query = await named(env, stored, report)
  if (query.type !== 'report') throw otherwise(query.name, 'a list view; run it with listView()')
  return runReport(env, query, options)
}

async function named(
  { caller }: RecordsEnv,
  stored: SavedQueries,
  query: SavedQuery | string,
): Promise<SavedQuery> {
  return typeof query === 'string' ? (await stored.load(query, caller.tenant)).query : query
}

function otherwise(name: string, what: string): MillraceError {
  return new MillraceError('MILL_SAVED_QUERY_UNKNOWN', `${name} is ${what}.`, { data: { name } })
}
