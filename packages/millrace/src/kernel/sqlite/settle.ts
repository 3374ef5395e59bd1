import type { Decision } from '../rules/decision.ts'
import type { ExecutionKey, LeaseId } from '../rules/execution.ts'
import type { LeaseMark } from '../storage/executions.ts'
import { appendEnd } from './attempt-history.ts'
import type { Connection } from './connection.ts'
import type { Writing } from './database.ts'
import { putNext } from './queue-rows.ts'
import { putState } from './states.ts'

/** Which leases stand: the fence. Each is looked at once per transaction. */
export class Fence {
  readonly #connection: Connection
  readonly #standing = new Map<LeaseId, boolean>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  stands(lease: LeaseId): boolean {
    let standing = this.#standing.get(lease)
    if (standing === undefined) {
      standing = this.#connection.get('select 1 from millrace_lease where id = ?', lease) !== undefined
      this.#standing.set(lease, standing)
    }
    return standing
  }

  fenced(): LeaseId[] {
    return [...this.#standing].flatMap(([lease, standing]) => (standing ? [] : [lease]))
  }
}

/** The one change that the end of an attempt makes; its lease stands. */
export function applyDecision(writing: Writing, decision: Decision): void {
  const { connection, now } = writing
  const { key, lane, lease, outcome, ms, prio, result, next } = decision
  appendEnd(connection, { key, lane, lease, outcome, ms, error: decision.error ?? null }, now)
  if (result !== undefined) {
    connection.run('insert into millrace_result (job, value) values (?, ?)', key.job, result)
  }
  if (decision.endsAbort) connection.run('delete from millrace_abort where job = ?', key.job)
  if (decision.state !== undefined) putState(writing, key.job, decision.state)
  if (next.length > 0) putNext(writing, { job: key.job, lane, prio, lease }, next)
}

export function applyMark(connection: Connection, { lease, running, finished }: LeaseMark): void {
  if (finished) connection.run('delete from millrace_lease where id = ?', lease)
  else connection.run('update millrace_lease set running = ? where id = ?', JSON.stringify(running), lease)
}

export function settle(
  writing: Writing,
  decisions: readonly Decision[],
  marks: readonly LeaseMark[],
): { readonly fenced: readonly LeaseId[] } {
  const fence = new Fence(writing.connection)
  for (const decision of decisions) {
    if (fence.stands(decision.lease)) applyDecision(writing, decision)
  }
  for (const mark of marks) {
    if (fence.stands(mark.lease)) applyMark(writing.connection, mark)
  }
  return { fenced: fence.fenced() }
}

export function settled(
  connection: Connection,
  decisions: readonly Pick<Decision, 'key' | 'lease' | 'outcome'>[],
): ExecutionKey[] {
  return decisions.flatMap(({ key, lease, outcome }) =>
    connection.get(
      'select 1 from millrace_done where job = ? and seq = ? and attempt = ? and lease = ? and outcome = ?',
      ...[key.job, key.seq, key.attempt, lease, outcome],
    )
      ? [key]
      : [],
  )
}
