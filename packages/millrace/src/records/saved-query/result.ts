import type { FieldType } from '../object/field.ts'
import type { AccessMode } from '../query/query.ts'
import type { Cell } from './cell.ts'
import type { PlannedColumn } from './columns.ts'

export interface RunSavedQueryOptions {
  /** `next` of the page before; without it the first page. */
  readonly after?: string
  /** Rows on a page, 1 to 2,000. Default 200. */
  readonly pageSize?: number
  /** BCP 47: how numbers and dates are written. Default en-US. */
  readonly locale?: string
  /** Default user: the caller's rights count. */
  readonly mode?: AccessMode
}

export interface ResultColumn {
  /** Path of the field: `Account.Name`. */
  readonly name: string
  readonly label: string
  readonly type: FieldType
}

export interface ResultRow {
  readonly id: string | number
  /** One for each column. */
  readonly cells: readonly Cell[]
}

export interface RowPage {
  readonly columns: readonly ResultColumn[]
  readonly rows: readonly ResultRow[]
  /** On this page. */
  readonly rowCount: number
  /** Token for the next page; null at the end. It holds values of the last row. */
  readonly next: string | null
  /** The limit of the saved query cut off rows that there are. */
  readonly truncated: boolean
}

export function resultColumn({ name, label, type }: PlannedColumn): ResultColumn {
  return { name, label, type }
}
