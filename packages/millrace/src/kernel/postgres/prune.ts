import { idCeiling } from '../rules/ids.ts'
import type { PruneParams } from '../storage/history.ts'
import { hit, type Database } from './database.ts'
import { roomCte } from './limit-keys.ts'
import { statement } from './statement.ts'
import { outcomesOf } from './status-outcomes.ts'

/** One pruner at a time: two would delete the same rows in different orders. */
const lockPosition = statement(
  'prune_lock',
  `select value from millrace.setting where name = 'prune_position' for update`,
)

/** An array, so that each index is read once; a join may be planned over a whole table. */
const ended = 'array(select id from ended)'

/** Never a job with anything in `ready`, `waiting` or a standing lease, whatever its history says. */
const prunePage = statement(
  'prune',
  `with page as materialized (
    select id, lane, prio from millrace.job
    where id > $position::uuid and id < $newest::uuid
    order by id limit $page::int
  ), leased as materialized (
    select unnest(jobs) as job from millrace.lease
  ), ended as materialized (
    select id from page
    where (
        select true from millrace.done d
        where d.job = page.id and d.seq >= 0 and d.outcome >= 10
          and d.finished <= clock_timestamp() - interval '1 ms' * case
            when d.outcome in (${outcomesOf('Completed')}) then $completed::float8 else $failed::float8 end
        limit 1) is not null
      and (select true from millrace.ready r
        where (r.lane, r.prio, r.job) = (page.lane, page.prio, page.id) limit 1) is null
      and (select true from millrace.waiting w where w.job = page.id limit 1) is null
      and page.id not in (select job from leased where job is not null)
  ), d as (
    delete from millrace.done where job = any (${ended})
  ), f as (
    delete from millrace.failure where job = any (${ended})
  ), r as (
    delete from millrace.result where job = any (${ended})
  ), a as (
    delete from millrace.arg where job = any (${ended})
  ), i as (
    delete from millrace.abort where job = any (${ended})
  ), s as (
    delete from millrace.state where job = any (${ended})
  ), p as (
    delete from millrace.state_page where job = any (${ended})
  ), o as (
    delete from millrace.set_aside where job = any (${ended})
  ), h as (
    delete from millrace.hold where job = any (${ended})
  ), x as (
    delete from millrace.flex_active where job = any (${ended})
  ), u as (
    delete from millrace.uniq
    where job = any (${ended}) and (until is null or until <= clock_timestamp())
  ), j as (
    delete from millrace.job where id = any (${ended}) returning 1
  ), place as materialized (
    select case when count(*) >= $page::int then (array_agg(id order by id desc))[1] end as reached from page
  ), stored as (
    update millrace.setting set value = coalesce(place.reached::text, '')
    from place where name = 'prune_position'
  )
  select (select count(*)::int from j) as pruned, place.reached is null as wrapped from place`,
)

/** Permits whose release never came, which had stopped counting with their lease; throttles that outlived their job. */
const leftovers = statement(
  'prune_leftovers',
  `with freed as (
    delete from millrace.permit where not exists (select from millrace.lease where lease.id = permit.lease)
    returning key
  ), ${roomCte}
  delete from millrace.uniq
  where until <= clock_timestamp() and (select true from millrace.job where id = uniq.job limit 1) is null`,
)

const start = '00000000-0000-0000-0000-000000000000'

export async function prune(
  db: Database,
  { completedMs, failedMs, page }: PruneParams,
): Promise<{ readonly pruned: number; readonly wrapped: boolean }> {
  const done = await db.background.transaction(
    async (connection) => {
      const position = (await connection.run<{ value: string }>(lockPosition, {})).rows[0]?.value
      const { rows } = await connection.run<{ pruned: number; wrapped: boolean }>(prunePage, {
        position: position === undefined || position === '' ? start : position,
        page,
        // A job younger than the shortest age cannot have ended long enough ago.
        newest: idCeiling(Date.now() - Math.min(completedMs, failedMs)),
        completed: completedMs,
        failed: failedMs,
      })
      if (rows[0]?.wrapped === true) await connection.run(leftovers, {})
      return rows[0] ?? { pruned: 0, wrapped: true }
    },
    { beforeCommit: () => hit(db.faults, 'prune', 'before-commit') },
  )
  await hit(db.faults, 'prune', 'after-commit')
  if (done.wrapped) db.wakeups.emit([{ topic: 'due', inMs: 0 }])
  return done
}
