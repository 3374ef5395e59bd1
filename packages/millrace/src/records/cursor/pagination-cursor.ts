import type { Query } from '../query/query.ts'
import type { ResultRecord } from '../sql/compile.ts'
import {
  checkStretch,
  closeCursor,
  findParts,
  handle,
  openParts,
  readCursor,
  type CursorEnv,
  type CursorHandle,
  type CursorOptions,
  type CursorParts,
} from './cursor.ts'

/** Semantics C-06. */
export interface CursorPage {
  readonly records: readonly ResultRecord[]
  /** Deleted records that were passed over to fill the page. */
  readonly deletedRows: number
  /** Where the next page starts. */
  readonly nextIndex: number
  /** Nothing comes after this page. */
  readonly isDone: boolean
}

/** Read at once where a page has gaps, so that many deleted records do not mean many statements. */
const aheadRows = 200

/** A cursor for pages that people turn: what was deleted is passed over, so that every page but the last is full. */
export interface PaginationCursor extends CursorHandle {
  /** `size` records from `start` on, 0 or the `nextIndex` of a page before. Throws as `Cursor.fetch`. */
  fetchPage(start: number, size: number): Promise<CursorPage>
  close(): Promise<void>
}

const paginationCursorOf = (parts: CursorParts): PaginationCursor =>
  handle(parts, {
    fetchPage: (start: number, size: number) => fetchPage(parts, start, size),
    close: () => closeCursor(parts),
  })

async function fetchPage(parts: CursorParts, start: number, size: number): Promise<CursorPage> {
  checkStretch(parts, start, size)
  const records: ResultRecord[] = []
  let [nextIndex, deletedRows] = [start, 0]
  while (records.length < size && nextIndex < parts.total) {
    const wanted = size - records.length
    const ahead = nextIndex === start ? wanted : Math.max(wanted, aheadRows)
    const taken = take(await readCursor(parts, 'pagination', nextIndex, ahead), wanted)
    if (taken.passed === 0) break
    records.push(...taken.records)
    nextIndex += taken.passed
    deletedRows += taken.passed - taken.records.length
  }
  return { records, deletedRows, nextIndex, isDone: nextIndex >= parts.total }
}

/** As `openCursor`; at most 100,000 records. */
export async function openPaginationCursor(
  env: CursorEnv,
  query: Query,
  options: CursorOptions = {},
): Promise<PaginationCursor> {
  return paginationCursorOf(await openParts(env, query, options, 'pagination'))
}

/** As `findCursor`. */
export async function findPaginationCursor(
  env: CursorEnv,
  cursor: string | Pick<CursorHandle, 'id'>,
): Promise<PaginationCursor> {
  return paginationCursorOf(await findParts(env, cursor, 'pagination'))
}

/** Up to and with the last record that is wanted: what follows stays for the next page. */
function take(
  { ids, found }: Awaited<ReturnType<typeof readCursor>>,
  wanted: number,
): { readonly records: readonly ResultRecord[]; readonly passed: number } {
  const taken = found.slice(0, wanted)
  const last = taken.at(-1)
  const full = taken.length === wanted && last !== undefined
  return {
    records: taken.map(({ record }) => record),
    passed: full ? ids.findIndex((id) => String(id) === String(last.id)) + 1 : ids.length,
  }
}
