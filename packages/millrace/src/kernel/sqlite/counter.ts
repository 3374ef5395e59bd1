import type { Connection } from './connection.ts'

/** The next number of its kind; never given twice, also after deletes. */
export function nextNumber(connection: Connection, name: 'lease' | 'worker'): number {
  const row = connection.get<{ value: number }>(
    'update millrace_counter set value = value + 1 where name = ? returning value',
    name,
  )
  if (!row) throw new Error(`no counter '${name}'`)
  return row.value
}
