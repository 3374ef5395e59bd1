import type { Moved } from '../storage/waiting.ts'
import type { Database } from './database.ts'
import type { Result, Session } from './pool.ts'
import { plain, statement } from './statement.ts'

/** Tells the lanes of the rows in the CTE `moved`, in their own statement; nobody where the channel is empty. */
const told = `told as materialized (
    select pg_notify($channel, case
      when count(distinct lane) > 400 then 'rescan'
      else 'back ' || string_agg(distinct lane::text, ',') end) as notice
    from moved having count(*) > 0 and $channel::text <> ''
  )`

export const tellMoved = `${told}
  select lane, count(*)::int as n, (select count(told.*) from told) as told from moved group by lane`

/** Tenants that have a turn in one round of a wake. */
const mostTurns = 50

const tenantAfter = (tenant: string): string => `(
  select w.tenant from millrace.waiting w where w.gate = turn.key and w.tenant > ${tenant}
  order by w.gate, w.tenant limit 1)`

/**
 * Jobs that leave a flex queue hold one of its slots from then on; they were woken for nothing else, and are all of one tenant, so
 * that one round is enough for them.
 * One round: for each key its tenants in a circle from the one after the last served, by loose index scan, each with an equal
 * share of n (the first ones have one more where it does not divide). Skips rows that are being moved by others: they
 * are on their way.
 */
const wakeRound = statement(
  'wake_round',
  `with recursive turn (key, n, first, tenant, place) as (
    select slot.key, slot.n, null collate "C", coalesce(k.turn, '') collate "C", 0
    from unnest($keys::int[], $ns::int[]) as slot (key, n) join millrace.limit_key k on k.id = slot.key
    union all
    select turn.key, turn.n, coalesce(turn.first, next.tenant), next.tenant, turn.place + 1
    from turn cross join lateral (
      select coalesce(${tenantAfter('turn.tenant')}, ${tenantAfter("''")}) as tenant) as next
    where next.tenant is distinct from turn.first and next.tenant is not null
      and turn.place < least(turn.n, ${mostTurns})
  ), share as materialized (
    select key, n, tenant, place, (count(*) over (partition by key))::int as tenants from turn where place > 0
  ), woken as (
    delete from millrace.waiting where ctid = any (array(
      select head.ctid
      from share cross join lateral (
        select ctid from millrace.waiting where gate = share.key and tenant = share.tenant
        order by gate, tenant, rank, job, seq
        limit share.n / share.tenants + (share.place <= share.n % share.tenants)::int
        for update skip locked) as head))
    returning lane, prio, care, job, seq, attempt, gate
  ), started as (
    insert into millrace.flex_active (job, key)
    select woken.job, k.id from woken join millrace.limit_key k on k.id = woken.gate where k.flex
  ), moved as (
    insert into millrace.ready (lane, prio, care, job, seq, attempt, gate)
    select lane, prio, care, job, seq, attempt, case when not k.flex then gate end
    from woken join millrace.limit_key k on k.id = woken.gate
    returning lane, gate
  ), served as (
    update millrace.limit_key k set turn = share.tenant from share
    where k.id = share.key and share.place = (share.n - 1) % share.tenants + 1
      and k.turn is distinct from share.tenant
  ), ${told}
  select lane, gate, count(*)::int as n, (select count(told.*) from told) as told from moved group by lane, gate`,
)

export interface LaneCount {
  readonly lane: number
  readonly n: number
}

interface Woken extends LaneCount {
  readonly gate: number
}

/** Places that came free at a key. */
export interface Room {
  readonly key: number
  readonly n: number
}

/**
 * Moves up to n waiters of each key to `ready`: their tenants take turns, each gives its first by (rank, job). A round more
 * while somebody had fewer waiters than its share. The keys are locked by the caller.
 */
export async function wake(session: Session, channel: string, rooms: readonly Room[]): Promise<Moved> {
  const lanes = new Set<number>()
  let moved = 0
  let open = rooms.filter(({ n }) => n > 0)
  while (open.length > 0) {
    const { rows } = await session.run<Woken>(wakeRound, {
      channel,
      keys: plain(open.map(({ key }) => key)),
      ns: plain(open.map(({ n }) => n)),
    })
    const woken = new Map<number, number>()
    for (const { lane, gate, n } of rows) {
      lanes.add(lane)
      woken.set(gate, (woken.get(gate) ?? 0) + n)
      moved += n
    }
    open = open.flatMap(({ key, n }) => {
      const got = woken.get(key) ?? 0
      return got > 0 && got < n ? [{ key, n: n - got }] : []
    })
  }
  return { moved, lanes: [...lanes] }
}

export function emitBack(db: Database, { lanes }: Moved): void {
  if (lanes.length > 0) db.wakeups.emit([{ topic: 'back', lanes }])
}

export function movedOf({ rows }: Result<LaneCount>): Moved {
  return { moved: rows.reduce((sum, row) => sum + row.n, 0), lanes: rows.map((row) => row.lane) }
}
