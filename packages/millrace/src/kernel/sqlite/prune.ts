import type { JobId } from '../rules/execution.ts'
import { idCeiling } from '../rules/ids.ts'
import type { PruneParams } from '../storage/history.ts'
import { readSetting, writeSetting } from './controls.ts'
import type { Writing } from './database.ts'
import { outcomesOf } from './ends-by-status.ts'
import { dropPermits } from './limit-key.ts'

const positionSetting = 'prune_position'

/** Ended long enough ago, and nothing of it stands anywhere. */
const page = `with page as materialized (
  select id, lane, prio from millrace_job where id > ?1 and id < ?5 order by id limit ?2
), leased as materialized (
  select j.value as job from millrace_lease l, json_each(l.jobs) j where j.value is not null
)
select id,
  exists (
    select 1 from millrace_done d where d.job = id and d.seq >= 0 and d.outcome >= 10
      and d.finished <= case when d.outcome in (${outcomesOf('Completed')}) then ?3 else ?4 end)
  and not exists (select 1 from millrace_ready r where r.lane = page.lane and r.prio = page.prio and r.job = id)
  and not exists (select 1 from millrace_waiting w where w.job = id)
  and id not in (select job from leased) as old
from page order by id`

const tables = [
  'done',
  'failure',
  'result',
  'arg',
  'abort',
  'state',
  'state_page',
  'set_aside',
  'hold',
  'flex_active',
] as const

export function prune(
  writing: Writing,
  { completedMs, failedMs, page: size }: PruneParams,
): { readonly pruned: number; readonly wrapped: boolean } {
  const { connection, now } = writing
  const position = readSetting(connection, positionSetting) ?? ''
  const rows = connection.all<{ id: string; old: number }>(
    page,
    // A job younger than the shortest age cannot have ended long enough ago.
    ...[position, size, now - completedMs, now - failedMs, idCeiling(now - Math.min(completedMs, failedMs))],
  )
  const old = rows.flatMap(({ id, old }) => (old === 0 ? [] : [id]))
  if (old.length > 0) erase(writing, old)
  const wrapped = rows.length < size
  writeSetting(connection, positionSetting, wrapped ? '' : (rows.at(-1)?.id ?? ''))
  if (wrapped) dropPermits(writing, 'lease not in (select id from millrace_lease)')
  return { pruned: old.length, wrapped }
}

function erase({ connection, now }: Writing, jobs: readonly JobId[]): void {
  const ids = JSON.stringify(jobs)
  for (const table of tables) {
    connection.run(`delete from millrace_${table} where job in (select value from json_each(?))`, ids)
  }
  connection.run(
    `delete from millrace_uniq where job in (select value from json_each(?)) and (until is null or until <= ?)`,
    ...[ids, now],
  )
  connection.run('delete from millrace_job where id in (select value from json_each(?))', ids)
}
