import type { ExecutionRow } from '../rules/execution.ts'
import type { Moved } from '../storage/waiting.ts'
import type { Writing } from './database.ts'
import { putBack } from './queue-rows.ts'

const columns = 'job, seq, lane, prio, attempt, care'

/** From `waiting` to `ready`, unchanged. */
export function wake(writing: Writing, rows: readonly ExecutionRow[]): Moved {
  const lanes = new Set<number>()
  for (const row of rows) {
    writing.connection.prepare('delete from millrace_waiting where job = ? and seq = ?').run(row.job, row.seq)
    putBack(writing, row)
    lanes.add(row.lane)
  }
  return { moved: rows.length, lanes: [...lanes] }
}

/** Up to `n` of those who wait for the key, by (rank, job, seq). */
export function wakeGate(writing: Writing, key: number, n: number): Moved {
  if (n < 1) return { moved: 0, lanes: [] }
  const rows = writing.connection.all<ExecutionRow>(
    `select ${columns} from millrace_waiting where gate = ? order by rank, job, seq limit ?`,
    ...[key, Math.min(n, Number.MAX_SAFE_INTEGER)],
  )
  return wake(writing, rows)
}
