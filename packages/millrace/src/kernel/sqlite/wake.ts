import type { ExecutionRow } from '../rules/execution.ts'
import type { Moved } from '../storage/waiting.ts'
import type { Connection } from './connection.ts'
import type { Writing } from './database.ts'
import { activeJobs } from './limit-key.ts'
import { putBack, putWoken } from './queue-rows.ts'

const columns = 'job, seq, lane, prio, attempt, care'
/** Tenants that have a turn in one round of a wake. */
const mostTurns = 50

/** From `waiting` to `ready`, unchanged. */
export function wake(writing: Writing, rows: readonly ExecutionRow[], gate: number | null = null): Moved {
  const lanes = new Set<number>()
  for (const row of rows) {
    writing.connection.prepare('delete from millrace_waiting where job = ? and seq = ?').run(row.job, row.seq)
    if (gate === null) putBack(writing, row)
    else putWoken(writing, row, gate)
    lanes.add(row.lane)
  }
  return { moved: rows.length, lanes: [...lanes] }
}

/** The same for jobs that leave a flex queue: from now on they hold one of its slots each. */
function start(writing: Writing, rows: readonly ExecutionRow[], key: number): Moved {
  writing.connection.run(
    'delete from millrace_flex_active where key = ? and job not in (select value from json_each(?))',
    ...[key, JSON.stringify(activeJobs(writing.connection, key))],
  )
  for (const { job } of rows)
    writing.connection.run('insert into millrace_flex_active (job, key) values (?, ?)', job, key)
  return wake(writing, rows)
}

/**
 * Up to `n` of those who wait for the key: their tenants take turns, beginning after the one that was served last, and each
 * gives its first by (rank, job, seq). Costs what it wakes, however many wait.
 */
export function wakeGate(writing: Writing, key: number, n: number, isFlex = false): Moved {
  const lanes = new Set<number>()
  let moved = 0
  while (moved < n) {
    const round = wakeRound(writing, key, Math.min(n - moved, Number.MAX_SAFE_INTEGER), isFlex)
    if (round.moved === 0) break
    moved += round.moved
    for (const lane of round.lanes) lanes.add(lane)
  }
  return { moved, lanes: [...lanes] }
}

/** An equal share of `n` for each tenant whose turn it is; the first ones have one more where it does not divide. */
function wakeRound(writing: Writing, key: number, n: number, isFlex: boolean): Moved {
  const { connection } = writing
  const tenants = turns(connection, key, Math.min(n, mostTurns))
  const rows = tenants.flatMap((tenant, place) =>
    connection.all<ExecutionRow>(
      `select ${columns} from millrace_waiting where gate = ? and tenant = ? order by rank, job, seq limit ?`,
      ...[key, tenant, Math.floor(n / tenants.length) + (place < n % tenants.length ? 1 : 0)],
    ),
  )
  const last = tenants[(n - 1) % tenants.length]
  if (last !== undefined) connection.run('update millrace_limit_key set turn = ? where id = ?', last, key)
  return isFlex ? start(writing, rows, key) : wake(writing, rows, key)
}

/** Tenants that wait for the key, in a circle from the one after the last served, by loose index scan. */
function turns(connection: Connection, key: number, most: number): string[] {
  const tenants: string[] = []
  let after =
    connection.get<{ turn: string | null }>('select turn from millrace_limit_key where id = ?', key)?.turn ??
    ''
  while (tenants.length < most) {
    const next = tenantAfter(connection, key, after) ?? tenantAfter(connection, key, '')
    if (next === null || next === tenants[0]) break
    tenants.push(next)
    after = next
  }
  return tenants
}

function tenantAfter(connection: Connection, key: number, tenant: string): string | null {
  const found = connection.get<{ tenant: string }>(
    'select tenant from millrace_waiting where gate = ? and tenant > ? order by tenant limit 1',
    ...[key, tenant],
  )
  return found?.tenant ?? null
}
