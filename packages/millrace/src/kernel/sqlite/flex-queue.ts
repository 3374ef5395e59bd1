import { waitReasons, type WaitReason } from '../rules/decision.ts'
import type { ExecutionRow, JobId } from '../rules/execution.ts'
import {
  isFilling,
  moved,
  roomOf,
  type FlexFilling,
  type FlexPlace,
  type FlexStanding,
} from '../rules/flex-queue.ts'
import {
  flexKeyName,
  flexQueueFull,
  tenantOfFlexKey,
  type FlexQueues,
  type FlexQueueView,
} from '../storage/flex-queues.ts'
import type { Connection } from './connection.ts'
import type { Database, Writing } from './database.ts'
import { activeJobs, keyColumns, readKey, someoneWaits, type KeyRow } from './limit-key.ts'
import { pumpKey } from './pump.ts'

/** At the end of the queue, from which it starts at once where there is room. `isBounded`: refused where it may not even be Holding. */
export function holdJob(
  writing: Writing,
  row: ExecutionRow,
  key: KeyRow,
  isBounded: boolean,
): FlexFilling | undefined {
  const { connection } = writing
  const before = standing(connection, key)
  if (isBounded && roomOf(before) < 1) throw flexQueueFull(before)
  hold(writing, row, key.id)
  const woken = pumpKey(writing, key)
  const holding = before.holding + 1 - woken.moved
  const { most } = key
  return isFilling(before.holding, holding, most) ? { tenant: before.tenant, holding, most } : undefined
}

/** Those whose time has come: nobody can refuse them any more. */
export function holdDue(writing: Writing, rows: readonly (ExecutionRow & { readonly gate: number })[]): void {
  const { connection, now, changes } = writing
  for (const { gate, ...row } of rows) {
    connection.run('delete from millrace_waiting where job = ? and seq = ?', row.job, row.seq)
    hold(writing, row, gate)
    connection.run('update millrace_limit_key set next = ? where id = ?', now, gate)
    changes.due(0)
  }
}

/** Until its time has come it waits for nothing else, and is not Holding; the pump keeps an eye on its queue from now on. */
export function holdLater(
  writing: Writing,
  row: ExecutionRow,
  key: number,
  { dueAt, reason }: { readonly dueAt: number; readonly reason: WaitReason },
): void {
  const { connection, changes, now } = writing
  const due = Math.ceil(dueAt)
  connection.run(
    `insert into millrace_waiting (job, seq, lane, prio, attempt, care, reason, due, gate, rank)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)`,
    ...[row.job, row.seq, row.lane, row.prio, row.attempt, row.care],
    ...[waitReasons[reason], due, key],
  )
  connection.run('update millrace_limit_key set next = coalesce(next, ?) where id = ?', due, key)
  changes.due(due - now)
}

function hold({ connection }: Writing, row: ExecutionRow, key: number): void {
  connection.run(
    `insert into millrace_waiting (job, seq, lane, prio, attempt, care, reason, due, gate, rank, tenant)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, null, ?8,
       (select coalesce(max(rank), 0) + 1 from millrace_waiting where gate = ?8 and tenant is not null),
       (select tenant from millrace_lane where id = ?3))`,
    ...[row.job, row.seq, row.lane, row.prio, row.attempt, row.care],
    ...[waitReasons.holding, key],
  )
}

/** A slot may have come free: whoever pumps next looks. */
export function lookSoon({ connection, changes, now }: Writing, key: number): void {
  if (!someoneWaits(connection, key)) return
  connection.run('update millrace_limit_key set next = ? where id = ?', now, key)
  changes.due(0)
}

export function sqliteFlexQueues(database: Database): FlexQueues {
  return {
    look: (tenant) => database.read((connection) => look(connection, tenant)),
    standing: (id) =>
      database.read((connection) => {
        const key = readKey(connection, id)
        return key === undefined ? null : standing(connection, key)
      }),
    move: (job, place) => database.write(null, (writing) => move(writing, job, place)),
  }
}

function look(connection: Connection, tenant: string): FlexQueueView | null {
  const key = connection.get<KeyRow>(
    `select ${keyColumns} from millrace_limit_key where name = ? and flex = 1`,
    flexKeyName(tenant),
  )
  if (key === undefined) return null
  const active = activeJobs(connection, key.id)
  const holding = holdingJobs(connection, key.id)
  return { ...standing(connection, key), activeJobs: active, holdingJobs: holding }
}

function standing(connection: Connection, key: KeyRow): FlexStanding {
  return {
    tenant: tenantOfFlexKey(key.name),
    slots: key.slots ?? Number.POSITIVE_INFINITY,
    most: key.most,
    active: activeJobs(connection, key.id).length,
    holding:
      connection.get<{ n: number }>(
        'select count(*) as n from millrace_waiting where gate = ? and tenant is not null',
        key.id,
      )?.n ?? 0,
  }
}

function holdingJobs(connection: Connection, key: number): JobId[] {
  return connection
    .all<{ job: string }>(
      `select job from millrace_waiting where gate = ? and tenant is not null order by tenant, rank, job, seq`,
      key,
    )
    .map(({ job }) => job)
}

function move(
  { connection }: Writing,
  job: JobId,
  place: FlexPlace,
): 'moved' | 'there' | 'notHolding' | 'otherNotHolding' {
  const key = connection.get<{ gate: number }>(
    'select gate from millrace_waiting where job = ? and reason = ?',
    ...[job, waitReasons.holding],
  )?.gate
  if (key === undefined) return 'notHolding'
  const order = holdingJobs(connection, key)
  if ('other' in place && !order.includes(place.other)) return 'otherNotHolding'
  const after = moved(order, job, place)
  if (after === null) return 'there'
  after.forEach((id, at) => {
    connection.run('update millrace_waiting set rank = ? where job = ? and gate = ?', at + 1, id, key)
  })
  return 'moved'
}
