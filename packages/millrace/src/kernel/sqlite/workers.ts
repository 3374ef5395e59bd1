import type { WorkerId } from '../rules/execution.ts'
import type { Workers, WorkerSpec, WorkerView } from '../storage/workers.ts'
import type { Connection } from './connection.ts'
import { nextNumber } from './counter.ts'
import type { Database, Writing } from './database.ts'
import { standingLeases } from './hand-back.ts'
import { rescueLease } from './rescue.ts'

interface WorkerRow {
  readonly id: number
  readonly host: string
  readonly pid: number
  readonly release: string
  readonly knows: string
  readonly queues: string | null
  readonly started: number
  readonly until: number
}

function register({ connection, now }: Writing, spec: WorkerSpec, leaseMs: number): WorkerId {
  const id = nextNumber(connection, 'worker')
  connection.run(
    `insert into millrace_worker (id, host, pid, release, knows, queues, started, until)
     values (?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[id, spec.host, spec.pid, spec.release, JSON.stringify(spec.knows)],
    ...[spec.queues === null ? null : JSON.stringify(spec.queues), now, now + leaseMs],
  )
  return id
}

function renew({ connection, now }: Writing, worker: WorkerId, leaseMs: number): boolean {
  const sql = 'update millrace_worker set until = ? where id = ? and until > ?'
  return connection.run(sql, now + leaseMs, worker, now) === 1
}

function hasLease(connection: Connection, worker: WorkerId): boolean {
  return connection.get('select 1 from millrace_lease where worker = ? limit 1', worker) !== undefined
}

function leave(writing: Writing, worker: WorkerId): void {
  const { connection } = writing
  if (hasLease(connection, worker)) {
    expire(writing, worker)
  } else {
    connection.run('delete from millrace_worker where id = ?', worker)
  }
}

function expire({ connection, now }: Writing, worker: WorkerId): void {
  connection.run('update millrace_worker set until = min(until, ?) where id = ?', now, worker)
}

function list(connection: Connection, now: number): WorkerView[] {
  return connection.all<WorkerRow>('select * from millrace_worker order by id').map((row) => ({
    id: row.id,
    host: row.host,
    pid: row.pid,
    release: row.release,
    knows: JSON.parse(row.knows) as string[],
    queues: row.queues === null ? null : (JSON.parse(row.queues) as string[]),
    startedAt: row.started,
    until: row.until,
    alive: row.until > now,
  }))
}

function expired(connection: Connection, now: number): WorkerId[] {
  return connection
    .all<{ id: number }>(
      `select id from millrace_worker where until <= ?
       union
       select worker from millrace_lease where worker not in (select id from millrace_worker)
       order by 1`,
      now,
    )
    .map(({ id }) => id)
}

function bury({ connection, now }: Writing, worker: WorkerId): boolean {
  if (hasLease(connection, worker)) return false
  connection.run('delete from millrace_worker where id = ? and until <= ?', worker, now)
  return connection.get('select 1 from millrace_worker where id = ?', worker) === undefined
}

export function sqliteWorkers(database: Database): Workers {
  return {
    register: (spec, leaseMs) => database.write(null, (writing) => register(writing, spec, leaseMs)),
    renew: (worker, leaseMs) => database.write(null, (writing) => renew(writing, worker, leaseMs)),
    leave: (worker) => database.write(null, (writing) => leave(writing, worker)),
    expire: (worker) => database.write(null, (writing) => expire(writing, worker)),
    list: () => database.read((connection) => list(connection, database.now())),
    expired: () => database.read((connection) => expired(connection, database.now())),
    leasesOf: (worker) => database.read((connection) => standingLeases(connection, worker)),
    rescueLease: (worker, lease, rescue) =>
      database.write('rescue', (writing) => rescueLease(writing, { worker, lease, rescue })),
    bury: (worker) => database.write(null, (writing) => bury(writing, worker)),
  }
}
