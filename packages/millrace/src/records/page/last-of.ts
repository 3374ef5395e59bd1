import type { RecordsDatabase, Row, Statement } from '../database.ts'

/**
 * The `column` of the last row of a select that is ordered by it, and how many rows there are; null: there are none. One row leaves the
 * database, and no window is computed over the others, which cost ten times as much on SQLite.
 */
export async function lastOf(
  database: RecordsDatabase,
  column: 'id' | 'k',
  { segments, params }: Statement,
): Promise<{ readonly row: Row; readonly count: number } | null> {
  // PostgreSQL knows no max(uuid).
  const last = database.kind === 'sqlite' ? `max(${column})` : `(array_agg(${column}))[count(*)::int]`
  const text = [...segments]
  text[0] = `select ${last} as ${column}, count(*) as n from (${text[0] ?? ''}`
  text[text.length - 1] = `${text.at(-1) ?? ''}) as listed`
  const [row] = await database.query({ segments: text, params })
  const count = Number(row?.['n'] ?? 0)
  return row === undefined || count === 0 ? null : { row, count }
}
