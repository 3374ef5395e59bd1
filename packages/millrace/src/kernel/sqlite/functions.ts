import type { DatabaseSync } from 'node:sqlite'
import { fold } from '../rules/fold.ts'
import { localTime } from '../rules/local-time.ts'

/**
 * What statements over records call, on every connection: `millrace_fold(text)` is its lower case, `millrace_local(instant, zone)` the civil
 * time there. Both are deterministic. Other programs do not have them, so no index, view or trigger of a shared table may use them.
 */
export function addFunctions(db: DatabaseSync): void {
  // As numbers, whole ones beyond 2^53 would fail the statement.
  const options = { deterministic: true, useBigIntArguments: true } as const
  db.function('millrace_fold', options, fold)
  db.function('millrace_local', options, (instant, zone) =>
    localTime(typeof instant === 'bigint' ? Number(instant) : instant, String(zone)),
  )
}
