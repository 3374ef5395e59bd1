import type { ExecutionRow } from '../rules/execution.ts'
import type { Moved, Waiting } from '../storage/waiting.ts'
import type { Database, Writing } from './database.ts'
import { holdDue } from './flex-queue.ts'
import { pump } from './pump.ts'
import { wake } from './wake.ts'

function moveDue(writing: Writing, limit: number): Moved & { readonly nextInMs: number | null } {
  const { connection, now } = writing
  const due = connection.all<ExecutionRow & { gate: number | null }>(
    `select job, seq, lane, prio, attempt, care, gate from millrace_waiting where due <= ? order by due, job limit ?`,
    ...[now, limit],
  )
  holdDue(
    writing,
    due.flatMap(({ gate, ...row }) => (gate === null ? [] : [{ ...row, gate }])),
  )
  const moved = wake(
    writing,
    due.filter(({ gate }) => gate === null),
  )
  const next = connection.get<{ due: number | null }>(
    'select min(due) as due from millrace_waiting where due is not null',
  )?.due
  return { ...moved, nextInMs: next === null || next === undefined ? null : Math.max(0, next - now) }
}

export function sqliteWaiting(database: Database): Waiting {
  return {
    moveDue: (limit) => database.write(null, (writing) => moveDue(writing, limit)),
    pump: () => database.write(null, pump),
  }
}
