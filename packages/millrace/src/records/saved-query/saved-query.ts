import type { ListViewDefinition } from './list-view.ts'
import type { ReportDefinition } from './report.ts'

export interface ColumnChoice {
  readonly field: string
  /** Default: the label of the field. */
  readonly label: string | undefined
}

/** Records without a value come first ascending and last descending. */
export interface SortChoice {
  readonly field: string
  readonly direction: 'asc' | 'desc'
}

/** A list view or a report: a frozen value that knows no database. */
export type SavedQuery = ListViewDefinition | ReportDefinition

export function isSavedQuery(value: unknown): value is SavedQuery {
  return typeof value === 'object' && value !== null && (value as Partial<SavedQuery>).kind === 'savedQuery'
}
