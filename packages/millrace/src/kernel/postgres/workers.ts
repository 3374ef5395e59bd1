import type { WorkerView, Workers } from '../storage/workers.ts'
import type { Database } from './database.ts'
import { broken } from './errors.ts'
import { leasesOf } from './executions.ts'
import { rescueLease } from './rescue.ts'
import { statement, texts } from './statement.ts'

const register = statement(
  'worker_register',
  `insert into millrace.worker (host, pid, release, knows, queues, until)
   values ($host, $pid, $release, $knows::text[], $queues::text[], clock_timestamp() + $lease::float8 * interval '1 ms')
   returning id`,
)

const renew = statement(
  'worker_renew',
  `update millrace.worker set until = clock_timestamp() + $lease::float8 * interval '1 ms'
   where id = $worker and until > clock_timestamp()`,
)

const leave = statement(
  'worker_leave',
  `with gone as (
    delete from millrace.worker
    where id = $worker and not exists (select from millrace.lease where worker = $worker)
    returning id
  )
  update millrace.worker set until = least(until, clock_timestamp())
  where id = $worker and not exists (select from gone)`,
)

const list = statement(
  'worker_list',
  `select id, host, pid, release, knows, queues, until > clock_timestamp() as alive,
     (extract(epoch from started) * 1000)::float8 as "startedAt", (extract(epoch from until) * 1000)::float8 as until
   from millrace.worker order by id`,
)

/** A claim may commit a moment after its worker was buried: such a lease has an owner without a row. */
const expired = statement(
  'worker_expired',
  `select id from millrace.worker where until <= clock_timestamp()
   union
   select worker from millrace.lease where not exists (select from millrace.worker where id = lease.worker)
   order by id`,
)

const bury = statement(
  'worker_bury',
  `with gone as (
    delete from millrace.worker
    where id = $worker and until <= clock_timestamp()
      and not exists (select from millrace.lease where worker = $worker)
    returning id
  )
  select exists (select from gone) or (
    not exists (select from millrace.worker where id = $worker)
    and not exists (select from millrace.lease where worker = $worker)) as buried`,
)

const expire = statement(
  'worker_expire',
  'update millrace.worker set until = least(until, clock_timestamp()) where id = $worker',
)

export function workers(db: Database): Workers {
  return {
    async register({ host, pid, release, knows, queues }, leaseMs) {
      const { rows } = await db.hot.run<{ id: number }>(register, {
        host,
        pid,
        release,
        knows: texts(knows),
        queues: queues === null ? null : texts(queues),
        lease: leaseMs,
      })
      if (rows[0] === undefined) throw broken('a worker was not registered')
      return rows[0].id
    },

    async renew(worker, leaseMs) {
      return (await db.claims.run(renew, { worker, lease: leaseMs })).count === 1
    },

    async leave(worker) {
      await db.hot.run(leave, { worker })
    },

    async expire(worker) {
      await db.hot.run(expire, { worker })
    },

    async list() {
      return (await db.hot.run<WorkerView>(list, {})).rows
    },

    async expired() {
      return (await db.hot.run<{ id: number }>(expired, {})).rows.map((row) => row.id)
    },

    leasesOf: (worker) => leasesOf(db, worker),

    rescueLease: (worker, lease, rescue) => rescueLease(db, worker, lease, rescue),

    async bury(worker) {
      return (await db.hot.run<{ buried: boolean }>(bury, { worker })).rows[0]?.buried === true
    },
  }
}
