import type { PruneParams } from '../storage/history.ts'
import { hit, type Database } from './database.ts'
import { statement } from './statement.ts'
import { outcomesOf } from './status-outcomes.ts'

/** One pruner at a time: two would delete the same rows in different orders. */
const lockPosition = statement(
  'prune_lock',
  `select value from millrace.setting where name = 'prune_position' for update`,
)

/** Never a job with anything in `ready`, `waiting` or a standing lease, whatever its history says. */
const prunePage = statement(
  'prune',
  `with page as materialized (
    select id, lane, prio from millrace.job where id > $position::uuid order by id limit $page::int
  ), leased as materialized (
    select unnest(jobs) as job from millrace.lease
  ), ended as materialized (
    select id from page
    where exists (
        select from millrace.done d
        where d.job = id and d.seq >= 0 and d.outcome >= 10
          and d.finished <= clock_timestamp() - interval '1 ms' * case
            when d.outcome in (${outcomesOf('Failed')}) then $failed::float8 else $completed::float8 end)
      and not exists (select from millrace.ready r where (r.lane, r.prio, r.job) = (page.lane, page.prio, page.id))
      and not exists (select from millrace.waiting w where w.job = page.id)
      and not exists (select from leased where leased.job = page.id)
  ), d as (
    delete from millrace.done using ended where job = ended.id
  ), f as (
    delete from millrace.failure using ended where job = ended.id
  ), r as (
    delete from millrace.result using ended where job = ended.id
  ), a as (
    delete from millrace.arg using ended where job = ended.id
  ), i as (
    delete from millrace.abort using ended where job = ended.id
  ), u as (
    delete from millrace.uniq using ended where job = ended.id and (until is null or until <= clock_timestamp())
  ), j as (
    delete from millrace.job using ended where job.id = ended.id returning 1
  ), place as materialized (
    select case when count(*) >= $page::int then (array_agg(id order by id desc))[1] end as reached from page
  ), stored as (
    update millrace.setting set value = coalesce(place.reached::text, '')
    from place where name = 'prune_position'
  )
  select (select count(*)::int from j) as pruned, place.reached is null as wrapped from place`,
)

/** Permits whose release never came; they had stopped counting with their lease. */
const leftovers = statement(
  'prune_permits',
  `delete from millrace.permit where not exists (select from millrace.lease where lease.id = permit.lease)`,
)

const start = '00000000-0000-0000-0000-000000000000'

export async function prune(
  db: Database,
  { completedMs, failedMs, page }: PruneParams,
): Promise<{ readonly pruned: number; readonly wrapped: boolean }> {
  const done = await db.hot.transaction(
    async (connection) => {
      const position = (await connection.run<{ value: string }>(lockPosition, {})).rows[0]?.value
      const { rows } = await connection.run<{ pruned: number; wrapped: boolean }>(prunePage, {
        position: position === undefined || position === '' ? start : position,
        page,
        completed: completedMs,
        failed: failedMs,
      })
      if (rows[0]?.wrapped === true) await connection.run(leftovers, {})
      return rows[0] ?? { pruned: 0, wrapped: true }
    },
    { beforeCommit: () => hit(db.faults, 'prune', 'before-commit') },
  )
  await hit(db.faults, 'prune', 'after-commit')
  return done
}
