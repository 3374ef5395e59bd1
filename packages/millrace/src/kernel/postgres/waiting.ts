import type { Moved, Waiting } from '../storage/waiting.ts'
import type { Database } from './database.ts'
import { lockDueKeys, readKeys, tokensOf, type KeyRow } from './limit-keys.ts'
import type { Connection, Session } from './pool.ts'
import { plain, statement } from './statement.ts'
import { emitBack, movedOf, tellMoved, wake, type LaneCount } from './wake.ts'

/** The subselect makes the time a constant of the index scan; compared with clock_timestamp() itself all rows would be read. */
const moveDueRows = statement(
  'move_due',
  `with due as (
    delete from millrace.waiting where ctid = any (array(
      select ctid from millrace.waiting where due <= (select clock_timestamp())
      order by due, job limit $limit::int
      for update skip locked))
    returning lane, prio, care, job, seq, attempt
  ), moved as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt)
    select lane, prio, care, job, seq, attempt from due
    returning lane
  ), ${tellMoved}`,
)

const nextDue = statement(
  'next_due',
  `select (extract(epoch from due - clock_timestamp()) * 1000)::float8 as ms
   from millrace.waiting where due is not null order by due, job limit 1`,
)

/** A new statement, so that it sees whom the last one left waiting. */
const scheduleKeys = statement(
  'pump_schedule',
  `update millrace.limit_key set next = case
     when exists (select from millrace.waiting where gate = id) then clock_timestamp() + k.delay * interval '1 ms'
   end
   from unnest($keys::int[], $delays::float8[]) as k (key, delay)
   where id = k.key`,
)

const nextKey = statement(
  'pump_next',
  `select (extract(epoch from next - clock_timestamp()) * 1000)::float8 as ms
   from millrace.limit_key where next is not null order by next limit 1`,
)

/** Without a limit to hold them back, waiters come in portions. */
const portion = 1_000
const slotCheckMs = 1_000
const longestCheckMs = 3_600_000

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
  if (ids.length === 0) return { moved: 0, lanes: [] }
  // A key per process has room wherever the asker is: null = nobody in particular.
  const keys = await readKeys(connection, ids, null)
  const moved = await wake(
    connection,
    channel,
    keys.map((key) => ({ key: key.id, n: roomOf(key) })),
  )
  await connection.run(scheduleKeys, {
    keys: plain(keys.map((key) => key.id)),
    delays: plain(keys.map(checkInMs)),
  })
  return moved
}

function roomOf(key: KeyRow): number {
  const used = key.per_process ? 0 : key.used
  const slots = key.slots === null ? Infinity : key.slots - used
  return Math.max(0, Math.min(portion, slots, Math.floor(tokensOf(key) + 1e-9)))
}

/** When the next token comes, if tokens are what is missing; else the backstop for slots. */
function checkInMs(key: KeyRow): number {
  const tokens = tokensOf(key)
  if (tokens === Infinity || key.per_ms === null) return slotCheckMs
  const missing = Math.floor(tokens + 1e-9) + 1 - tokens
  const tokenInMs = Math.min(longestCheckMs, Math.max(1, Math.ceil(missing / key.per_ms)))
  return key.slots === null ? tokenInMs : Math.max(tokenInMs, slotCheckMs)
}

async function msOf(session: Session, next: typeof nextDue): Promise<number | null> {
  const ms = (await session.run<{ ms: number }>(next, {})).rows[0]?.ms
  return ms === undefined ? null : Math.max(0, ms)
}
