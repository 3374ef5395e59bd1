import { firedAndEnded, fireStates, scheduleStates } from '../storage/schedules.ts'
import { statement } from './statement.ts'

const ms = (column: string, as: string): string => `(extract(epoch from ${column}) * 1000)::float8 as "${as}"`

const columns = (of: string): string => `${of}.id, ${of}.tenant, ${of}.name, ${of}.tool, ${of}.target,
  ${of}.target_version as "targetVersion", ${of}.cron, ${of}.zone, ${ms(`${of}.starts`, 'start')}, ${ms(`${of}.ends`, 'end')},
  ${of}.spec, ${of}.origin, ${of}.version, ${of}.author, ${of}.state, ${ms(`${of}.next`, 'next')},
  ${ms(`${of}.previous`, 'previous')}, ${of}.triggered, ${of}.queued, ${of}.revision, ${ms(`${of}.seen`, 'seen')},
  ${ms(`${of}.created`, 'createdAt')}, ${ms(`${of}.changed`, 'changedAt')}`

/** A parameter of epoch ms. */
const at = (parameter: string): string => `to_timestamp($${parameter}::float8 / 1000)`

const byName = `select ${columns('s')} from millrace.schedule s where (s.tenant, s.name) = ($tenant, $name)`

/** What was due a moment ago by the database's clock is due: whole ms, as everywhere. */
export const clock = statement(
  'schedule_clock',
  'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
)

export const getByName = statement('schedule_get', byName)
export const lockByName = statement('schedule_lock', `${byName} for update`)

const byIds = `select ${columns('s')} from millrace.schedule s where s.id = any ($ids::uuid[]) order by s.id for update`
export const lockById = statement('schedule_lock_ids', byIds)
export const lockFree = statement('schedule_lock_free', `${byIds} skip locked`)

export const insert = statement(
  'schedule_insert',
  `insert into millrace.schedule as s (id, tenant, name, tool, target, target_version, cron, zone, starts, ends, spec, origin,
     version, author, state, next, triggered, queued, revision)
   values ($id, $tenant, $name, $tool, $target, $target_version, $cron, $zone, ${at('starts')}, ${at('ends')}, $spec, $origin,
     $version, $author, $state, ${at('next')}, 0, 0, 1)
   on conflict do nothing
   returning ${columns('s')}`,
)

export const update = statement(
  'schedule_update',
  `update millrace.schedule as s set tool = $tool, target = $target, target_version = $target_version, cron = $cron, zone = $zone,
     starts = ${at('starts')}, ends = ${at('ends')}, spec = $spec, origin = $origin, version = $version, author = $author,
     state = $state::smallint, next = ${at('next')}, revision = revision + 1,
     seen = case when $origin = 'code' and $state::smallint <> ${scheduleStates.deleted} then clock_timestamp() else seen end,
     changed = clock_timestamp()
   where (s.tenant, s.name) = ($tenant, $name) and s.id = $id::uuid
   returning ${columns('s')}`,
)

export const removeRow = statement('schedule_remove', 'delete from millrace.schedule where id = $id')

/** Queued ones are skipped; with `all` those with a job are not looked at any more. */
export const closeFires = statement(
  'schedule_close_fires',
  `with closed as (
    update millrace.fire
    set state = case state when ${fireStates.queued} then ${fireStates.skipped} else ${firedAndEnded} end
    where schedule = $id::uuid and state in (1, 3) and ($all::bool or state = ${fireStates.queued})
  )
  update millrace.schedule set queued = 0 where id = $id::uuid`,
)

export const tell = statement(
  'schedule_tell',
  'select pg_notify($channel, notice) from unnest($notices::text[]) as notice',
)

export const list = statement(
  'schedule_list',
  `select ${columns('s')} from millrace.schedule s
   where (s.tenant, s.name) > ($after_tenant, $after_name) and ($tenant::text is null or s.tenant = $tenant)
     and ($deleted::bool or s.state <> ${scheduleStates.deleted})
   order by s.tenant, s.name limit $limit::int`,
)

export const fires = statement(
  'schedule_fires',
  `select ${ms('due', 'due')}, kind, state, job, ${ms('at', 'at')}, n from millrace.fire
   where schedule = $id and ($before::float8 is null or due < ${at('before')})
   order by due desc limit $limit::int`,
)

const known = `s.target || '@' || s.target_version = any ($targets::text[])`

export const due = statement(
  'schedule_due',
  `select ${columns('s')} from millrace.schedule s
   where s.state = ${scheduleStates.waiting} and s.next <= (select clock_timestamp()) and ${known}
   order by s.next limit $limit::int`,
)

export const nextDue = statement(
  'schedule_next_due',
  `select (extract(epoch from s.next - clock_timestamp()) * 1000)::float8 as ms from millrace.schedule s
   where s.state = ${scheduleStates.waiting} and s.next > (select clock_timestamp()) and ${known}
   order by s.next limit 1`,
)

const isEnded = `exists (select from millrace.done d where d.job = f.job and d.seq >= 0 and d.outcome >= 10)
  or not exists (select from millrace.job j where j.id = f.job)`

/** Those whose queued fires may start: no job of an earlier one is unended. */
export const behind = statement(
  'schedule_behind',
  `select ${columns('s')} from millrace.schedule s
   where s.queued > 0 and s.state in (${scheduleStates.waiting}, ${scheduleStates.complete}) and ${known}
     and not exists (
       select from millrace.fire f
       where f.schedule = s.id and f.state in (1, 3) and f.state = ${fireStates.fired} and not (${isEnded}))
   limit $limit::int`,
)

export const openFires = statement(
  'schedule_open',
  `select f.schedule, ${ms('f.due', 'due')}, f.kind, f.state, f.job,
     f.state = ${fireStates.fired} and (${isEnded}) as ended
   from unnest($ids::uuid[]) as wanted (id) cross join lateral (
     select * from millrace.fire
     where fire.schedule = wanted.id and fire.state in (1, 3)
     order by fire.due limit $most::int) as f
   order by f.schedule, f.due`,
)

const named = `unnest($schedules::uuid[], $dues::float8[]) as input (schedule, due)`

export const setStates = statement(
  'schedule_set_states',
  `update millrace.fire set state = $state::smallint
   from ${named}
   where fire.schedule = input.schedule and fire.due = to_timestamp(input.due / 1000)`,
)

/** With a job, or queued for one: what was skipped or missed may still be made up for. */
export const takenFires = statement(
  'schedule_taken',
  `select fire.schedule, input.due from ${named}
   join millrace.fire on fire.schedule = input.schedule and fire.due = to_timestamp(input.due / 1000)
   where fire.state < ${fireStates.skipped}`,
)

export const putFires = statement(
  'schedule_put_fires',
  `insert into millrace.fire (schedule, due, kind, state, job, n)
   select schedule, to_timestamp(due / 1000), kind, state, job, n
   from unnest($schedules::uuid[], $dues::float8[], $kinds::smallint[], $states::smallint[], $jobs::uuid[], $counts::int[])
     as input (schedule, due, kind, state, job, n)
   on conflict (schedule, due) do update
   set kind = excluded.kind, state = excluded.state, job = excluded.job, at = excluded.at, n = excluded.n`,
)

export const move = statement(
  'schedule_move',
  `update millrace.schedule s set next = to_timestamp(m.next / 1000), state = m.state,
     triggered = s.triggered + m.started, previous = greatest(s.previous, to_timestamp(m.previous / 1000)),
     queued = (
       select count(*) from millrace.fire f
       where f.schedule = s.id and f.state in (1, 3) and f.state = ${fireStates.queued})
   from unnest($ids::uuid[], $nexts::float8[], $states::smallint[], $started::int[], $previous::float8[])
     as m (id, next, state, started, previous)
   where s.id = m.id`,
)

export const touch = statement(
  'schedule_touch',
  `update millrace.schedule s set seen = clock_timestamp()
   from unnest($tenants::text[], $names::text[], $versions::int[]) as k (tenant, name, version)
   where s.tenant = k.tenant and s.name = k.name and s.version <= k.version and s.origin = 'code'`,
)

export const late = statement(
  'schedule_late',
  `update millrace.schedule s set warned = s.next
   where s.id = any (array(
     select o.id from millrace.schedule o
     where o.state = ${scheduleStates.waiting} and o.next < (select clock_timestamp() - $grace::float8 * interval '1 ms')
       and o.next is distinct from o.warned
     order by o.next limit $limit::int
     for update skip locked))
   returning ${columns('s')}`,
)

export const prune = statement(
  'schedule_prune',
  `delete from millrace.fire where ctid = any (array(
     select ctid from millrace.fire
     where at < (select clock_timestamp() - $age::float8 * interval '1 ms') and state not in (1, 3)
     order by at limit $most::int for update skip locked))`,
)
