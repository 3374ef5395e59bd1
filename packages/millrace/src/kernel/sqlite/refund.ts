import { refund } from '../rules/admit.ts'
import type { ExecutionRow, JobOptions } from '../rules/execution.ts'
import { limitKeysOf } from '../rules/limits.ts'
import type { Writing } from './database.ts'
import { keyStates, writeKey } from './limit-key.ts'

/** The tokens of rates that an execution took and did not use. Its slots go with its permits. */
export function refundTokens(writing: Writing, { job, seq, lane }: ExecutionRow): void {
  const { connection, now } = writing
  const gated = connection.get<{ options: string | null }>(
    `select j.options from millrace_lane l, millrace_job j where l.id = ? and l.gated = 1 and j.id = ?`,
    ...[lane, job],
  )
  if (!gated?.options) return
  const keys = limitKeysOf({ seq, options: JSON.parse(gated.options) as JobOptions })
  for (const state of keyStates(connection, keys, null)) {
    const change = refund(state, 1, now)
    if (change) writeKey(writing, change)
  }
}
