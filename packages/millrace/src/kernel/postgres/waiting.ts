import { waitReasons } from '../rules/decision.ts'
import type { Moved, Waiting } from '../storage/waiting.ts'
import type { Database } from './database.ts'
import { lockDueKeys } from './limit-keys.ts'
import type { Connection, Session } from './pool.ts'
import { pumpKeys } from './pump-keys.ts'
import { statement } from './statement.ts'
import { emitBack, movedOf, tellMoved, type LaneCount } from './wake.ts'

/**
 * The subselect makes the time a constant of the index scan; compared with clock_timestamp() itself all rows would be read. Jobs of a flex queue
 * go to its end; whoever has its key locked is changing it anyway, and the pump looks at it within a second.
 */
const moveDueRows = statement(
  'move_due',
  `with due as materialized (
    select ctid as place, gate from millrace.waiting where due <= (select clock_timestamp())
    order by due, job limit $limit::int
    for update skip locked
  ), held as (
    update millrace.waiting w set due = null, reason = ${waitReasons.holding}, tenant = lane.tenant, rank = 1 + (
      select coalesce(max(o.rank), 0) from millrace.waiting o where o.gate = w.gate and o.tenant is not null)
    from millrace.lane
    where w.ctid = any (array(select place from due where gate is not null)) and lane.id = w.lane
    returning w.gate
  ), looked as (
    update millrace.limit_key set next = clock_timestamp() where id = any (array(
      select k.id from millrace.limit_key k where k.id in (select gate from held)
      order by k.id for update skip locked))
  ), gone as (
    delete from millrace.waiting where ctid = any (array(select place from due where gate is null))
    returning lane, prio, care, job, seq, attempt
  ), moved as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select lane, prio, care, job, seq, attempt from gone
    returning lane
  ), ${tellMoved}`,
)

const nextDue = statement(
  'next_due',
  `select (extract(epoch from due - clock_timestamp()) * 1000)::float8 as ms
   from millrace.waiting where due is not null order by due, job limit 1`,
)

const nextKey = statement(
  'pump_next',
  `select (extract(epoch from next - clock_timestamp()) * 1000)::float8 as ms
   from millrace.limit_key where next is not null order by next limit 1`,
)

export function waiting(db: Database): Waiting {
  return {
    async moveDue(limit) {
      const { channel } = db.wakeups
      const moved = movedOf(await db.hot.run<LaneCount>(moveDueRows, { limit, channel }))
      emitBack(db, moved)
      const nextInMs = moved.moved >= limit && limit > 0 ? 0 : await msOf(db.hot, nextDue)
      return { ...moved, nextInMs }
    },

    async pump() {
      const moved = await db.claims.transaction((connection) => pump(connection, db.wakeups.channel))
      emitBack(db, moved)
      return { ...moved, nextInMs: await msOf(db.claims, nextKey) }
    },
  }
}

async function pump(connection: Connection, channel: string): Promise<Moved> {
  const ids = await lockDueKeys(connection)
  return ids.length === 0 ? { moved: 0, lanes: [] } : pumpKeys(connection, channel, ids)
}

async function msOf(session: Session, next: typeof nextDue): Promise<number | null> {
  const ms = (await session.run<{ ms: number }>(next, {})).rows[0]?.ms
  return ms === undefined ? null : Math.max(0, ms)
}
