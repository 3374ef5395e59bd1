import {
  firedAndEnded,
  fireKindOf,
  fireKinds,
  fireStates,
  isGivenUp,
  mostOpenFires,
  latestOf,
  scheduleOf,
  scheduleStates,
  storedFireOf,
  type Fired,
  type FireKind,
  type FirePlan,
  type FireStanding,
  type Firing,
  type NewFire,
  type ScheduleDraft,
  type ScheduleKey,
  type Schedules,
  type FireRow,
  type ScheduleRow,
  type StoredSchedule,
} from '../storage/schedules.ts'
import type { JobId } from '../rules/execution.ts'
import { abort } from './abort.ts'
import { hasEnded } from './attempt-history.ts'
import type { Connection } from './connection.ts'
import type { Database, Writing } from './database.ts'
import { storeJob } from './enqueue.ts'
import { placeOf } from './lease-members.ts'

const columns = `id, tenant, name, tool, target, target_version as targetVersion, cron, zone, starts as start, ends as "end", spec,
  origin, version, author, state, next, previous, triggered, queued, revision, seen, created as createdAt,
  changed as changedAt`

const waiting = scheduleStates.waiting

function read(connection: Connection, { tenant, name }: ScheduleKey): StoredSchedule | null {
  const row = connection.get<ScheduleRow>(
    `select ${columns} from millrace_schedule where tenant = ? and name = ?`,
    ...[tenant, name],
  )
  return row === undefined ? null : scheduleOf(row)
}

function change(
  { connection, changes, now }: Writing,
  key: ScheduleKey,
  decide: (standing: StoredSchedule | null, now: number) => ScheduleDraft | null,
): StoredSchedule | null {
  const standing = read(connection, key)
  const draft = decide(standing, now)
  if (draft === null) return standing
  const isNew = standing === null || standing.id !== draft.id
  if (standing !== null && (isNew || draft.state === 'deleted'))
    closeFires(connection, standing.id, isGivenUp(standing, draft))
  if (isNew)
    connection.run('delete from millrace_schedule where tenant = ? and name = ?', key.tenant, key.name)
  connection.run(
    `insert into millrace_schedule (id, tenant, name, tool, target, target_version, cron, zone, starts, ends, spec, origin,
       version, author, state, next, triggered, queued, revision, seen, created, changed)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 0, 0, 1, ?17, ?17, ?17)
     on conflict (id) do update set tool = ?4, target = ?5, target_version = ?6, cron = ?7, zone = ?8, starts = ?9, ends = ?10,
       spec = ?11, origin = ?12, version = ?13, author = ?14, state = ?15, next = ?16, revision = revision + 1,
       seen = case when ?12 = 'code' and ?15 <> ${scheduleStates.deleted} then ?17 else seen end, changed = ?17`,
    ...[
      draft.id,
      key.tenant,
      key.name,
      draft.tool,
      draft.target,
      draft.targetVersion,
      draft.cron,
      draft.zone,
    ],
    ...[draft.start, draft.end, draft.spec, draft.origin, draft.version, draft.author],
    ...[scheduleStates[draft.state], draft.next, now],
  )
  if (draft.next !== null) changes.due(Math.max(0, draft.next - now))
  return read(connection, key)
}

/** Queued ones are skipped; with `all` those with a job are not looked at any more. */
function closeFires(connection: Connection, id: string, all: boolean): void {
  connection.run(
    `update millrace_fire set state = case state when ${fireStates.queued} then ${fireStates.skipped} else ${firedAndEnded} end
     where schedule = ? and state in (1, 3) and (? or state = ${fireStates.queued})`,
    ...[id, all ? 1 : 0],
  )
  connection.run('update millrace_schedule set queued = 0 where id = ?', id)
}

interface OpenFire {
  readonly due: number
  readonly kind: number
  readonly state: number
  readonly job: JobId | null
}

function standingOf({ connection, now }: Writing, schedule: StoredSchedule, aborted: boolean): FireStanding {
  const open = connection.all<OpenFire>(
    'select due, kind, state, job from millrace_fire where schedule = ? and state in (1, 3) order by due limit ?',
    ...[schedule.id, mostOpenFires],
  )
  const unended: JobId[] = []
  const queued: { due: number; kind: FireKind }[] = []
  for (const { due, kind, state, job } of open) {
    if (state === fireStates.queued) queued.push({ due, kind: fireKindOf(kind) })
    else if (job !== null && placeOf(connection, job) !== null && !hasEnded(connection, job))
      unended.push(job)
    else setFire(connection, schedule.id, due, firedAndEnded)
  }
  return { schedule, now, unended, queued, aborted }
}

function setFire(connection: Connection, id: string, due: number, state: number): void {
  connection.run('update millrace_fire set state = ? where schedule = ? and due = ?', state, id, due)
}

function fire(writing: Writing, plan: FirePlan): Fired | null {
  const { connection } = writing
  const row = connection.get<ScheduleRow>(`select ${columns} from millrace_schedule where id = ?`, plan.id)
  if (row === undefined || row.revision !== plan.revision) return null
  const schedule = scheduleOf(row)
  let standing = standingOf(writing, schedule, false)
  let firing = plan.decide(standing)
  if (firing.abort) {
    for (const job of standing.unended) abort(writing, job)
    standing = standingOf(writing, schedule, true)
    firing = plan.decide(standing)
  }
  return carryOut(writing, plan, firing)
}

function carryOut(writing: Writing, plan: FirePlan, firing: Firing): Fired {
  const { connection, changes, now } = writing
  const started: { due: number; kind: FireKind; job: JobId }[] = []
  const others: NewFire[] = []
  const start = (due: number, kind: FireKind): JobId => {
    const job = plan.jobOf({ due, kind }, now)
    // A fire that has been decided upon is not refused: it waits in the flex queue, beyond its bound if need be.
    storeJob(writing, job, false)
    started.push({ due, kind, job: job.id })
    return job.id
  }
  for (const due of firing.drops) setFire(connection, plan.id, due, fireStates.skipped)
  for (const due of firing.starts) {
    const queued = connection.get<{ kind: number }>(
      'select kind from millrace_fire where schedule = ? and due = ? and state = ?',
      ...[plan.id, due, fireStates.queued],
    )
    if (queued === undefined) continue
    connection.run(
      'update millrace_fire set state = ?, job = ?, at = ? where schedule = ? and due = ?',
      ...[fireStates.fired, start(due, fireKindOf(queued.kind)), now, plan.id, due],
    )
  }
  for (const one of firing.fires) {
    const { due, kind, state, n = 1 } = one
    const before = connection.get<{ state: number }>(
      'select state from millrace_fire where schedule = ? and due = ?',
      ...[plan.id, due],
    )
    if (before !== undefined && before.state < fireStates.skipped) continue
    const job = state === 'fired' ? start(due, kind) : null
    if (job === null) others.push(one)
    connection.run(
      `insert into millrace_fire (schedule, due, kind, state, job, at, n) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
       on conflict do update set kind = ?3, state = ?4, job = ?5, at = ?6, n = ?7`,
      ...[plan.id, due, fireKinds[kind], fireStates[state], job, now, n],
    )
  }
  connection.run(
    `update millrace_schedule set next = ?2, state = ?3, triggered = triggered + ?4,
       previous = case when ?5 > coalesce(previous, 0) then ?5 else previous end,
       queued = (select count(*) from millrace_fire where schedule = ?1 and state in (1, 3) and state = ${fireStates.queued})
     where id = ?1`,
    ...[plan.id, firing.next, scheduleStates[firing.state], started.length, latestOf(started)],
  )
  if (firing.next !== null) changes.due(Math.max(0, firing.next - now))
  return { id: plan.id, now, started, others }
}

function isFree(connection: Connection, id: string): boolean {
  return !connection
    .all<{ job: JobId }>(
      'select job from millrace_fire where schedule = ? and state in (1, 3) and state = 1 order by due limit ?',
      ...[id, mostOpenFires],
    )
    .some(({ job }) => placeOf(connection, job) !== null && !hasEnded(connection, job))
}

export function sqliteSchedules(database: Database): Schedules {
  return {
    change: (key, decide) => database.write(null, (writing) => change(writing, key, decide)),

    get: (key) => database.read((connection) => read(connection, key)),

    list: ({ tenant, deleted, after, limit }) =>
      database.read((connection) =>
        connection
          .all<ScheduleRow>(
            `select ${columns} from millrace_schedule
             where (tenant, name) > (?1, ?2) and (?3 is null or tenant = ?3) and (?4 = 1 or state <> ${scheduleStates.deleted})
             order by tenant, name limit ?5`,
            ...[after?.tenant ?? '', after?.name ?? '', tenant, deleted ? 1 : 0, limit],
          )
          .map(scheduleOf),
      ),

    fires: (id, { before, limit }) =>
      database.read((connection) =>
        connection
          .all<FireRow>(
            `select due, kind, state, job, at, n from millrace_fire where schedule = ? and due < ?
             order by due desc limit ?`,
            ...[id, before ?? Number.MAX_SAFE_INTEGER, limit],
          )
          .map(storedFireOf),
      ),

    due: (targets, limit) =>
      database.read((connection) => {
        const now = database.now()
        const known = JSON.stringify(targets)
        const isKnown = `target || '@' || target_version in (select value from json_each(?1))`
        const due = connection.all<ScheduleRow>(
          `select ${columns} from millrace_schedule where state = ${waiting} and next <= ?2 and ${isKnown} order by next limit ?3`,
          ...[known, now, limit],
        )
        const behind = connection
          .all<ScheduleRow>(
            `select ${columns} from millrace_schedule where queued > 0 and state in (${waiting}, ${scheduleStates.complete}) and ${isKnown} limit ?2`,
            ...[known, limit],
          )
          .filter((row) => !due.some(({ id }) => id === row.id) && isFree(connection, row.id))
        const next = connection.get<{ next: number }>(
          `select next from millrace_schedule where state = ${waiting} and next > ?2 and ${isKnown} order by next limit 1`,
          ...[known, now],
        )
        const nextInMs = due.length >= limit ? 0 : next === undefined ? null : next.next - now
        return { due: [...due, ...behind].map(scheduleOf), nextInMs }
      }),

    fire: (plans) =>
      plans.length === 0
        ? Promise.resolve([])
        : database.write('schedule', (writing) => plans.map((plan) => fire(writing, plan))),

    touch: async (keys) => {
      if (keys.length === 0) return
      await database.write(null, ({ connection, now }) => {
        for (const { tenant, name, version } of keys)
          connection.run(
            `update millrace_schedule set seen = ? where tenant = ? and name = ? and version <= ? and origin = 'code'`,
            ...[now, tenant, name, version],
          )
      })
    },

    late: async (graceMs, limit) => {
      const overdue = `state = ${waiting} and next < ? and next is not warned`
      const some = await database.read((connection) =>
        connection.get(`select 1 from millrace_schedule where ${overdue} limit 1`, database.now() - graceMs),
      )
      if (some === undefined) return []
      return database.write(null, ({ connection, now }) =>
        connection
          .all<ScheduleRow>(
            `update millrace_schedule set warned = next
             where id in (select id from millrace_schedule where ${overdue} order by next limit ?)
             returning ${columns}`,
            ...[now - graceMs, limit],
          )
          .map(scheduleOf),
      )
    },

    prune: (olderThanMs, most) =>
      database.write(null, ({ connection, now }) =>
        connection.run(
          `delete from millrace_fire where (schedule, due) in (
             select schedule, due from millrace_fire where at < ? and state not in (1, 3) limit ?)`,
          ...[now - olderThanMs, most],
        ),
      ),
  }
}
