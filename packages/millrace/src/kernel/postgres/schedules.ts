import type { JobId } from '../rules/execution.ts'
import type { NewJob } from '../storage/jobs.ts'
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
import type { Wake } from '../storage/wakeups.ts'
import { abortInside } from './abort.ts'
import { hit, type Database } from './database.ts'
import { encode } from './notices.ts'
import { insertJobs, wakesOf } from './insert-jobs.ts'
import type { Connection, Session, Values } from './pool.ts'
import * as sql from './schedule-statements.ts'
import { plain, texts, type Statement } from './statement.ts'

async function rowsOf(session: Session, what: Statement, values: Values): Promise<StoredSchedule[]> {
  return (await session.run<ScheduleRow>(what, values)).rows.map(scheduleOf)
}

async function nowOf(session: Session): Promise<number> {
  return Math.floor((await session.run<{ now: number }>(sql.clock, {})).rows[0]?.now ?? 0)
}

function draftValues({ tenant, name }: ScheduleKey, draft: ScheduleDraft): Values {
  return {
    ...{ tenant, name, id: draft.id, tool: draft.tool, target: draft.target, spec: draft.spec },
    ...{ target_version: draft.targetVersion, cron: draft.cron, zone: draft.zone, origin: draft.origin },
    ...{ starts: draft.start, ends: draft.end, version: draft.version, author: draft.author },
    ...{ state: scheduleStates[draft.state], next: draft.next },
  }
}

/** Another process made the row between our look and our insert: the next turn sees it. */
const mostTurns = 20

async function change(
  db: Database,
  key: ScheduleKey,
  decide: (standing: StoredSchedule | null, now: number) => ScheduleDraft | null,
): Promise<StoredSchedule | null> {
  const { tenant, name } = key
  for (let turn = 0; turn < mostTurns; turn += 1) {
    const wakes: Wake[] = []
    const written = await db.hot.transaction(async (connection) => {
      const standing = (await rowsOf(connection, sql.lockByName, { tenant, name }))[0] ?? null
      const now = await nowOf(connection)
      const draft = decide(standing, now)
      if (draft === null) return standing
      if (standing !== null && (standing.id !== draft.id || draft.state === 'deleted'))
        await connection.run(sql.closeFires, { id: standing.id, all: isGivenUp(standing, draft) })
      if (standing !== null && standing.id !== draft.id)
        await connection.run(sql.removeRow, { id: standing.id })
      const isThere = standing !== null && standing.id === draft.id
      const { rows } = await connection.run<ScheduleRow>(
        isThere ? sql.update : sql.insert,
        draftValues(key, draft),
      )
      const row = rows[0]
      if (row === undefined) return 'again'
      if (draft.next !== null) {
        wakes.push({ topic: 'due', inMs: Math.max(0, draft.next - now) })
        await connection.run(sql.tell, { channel: db.wakeups.channel, notices: texts(encode(wakes)) })
      }
      return scheduleOf(row)
    })
    db.wakeups.emit(wakes)
    if (written !== 'again') return written
  }
  throw new Error(`schedule ${name} changes too often`)
}

interface OpenFire {
  readonly schedule: string
  readonly due: number
  readonly kind: number
  readonly state: number
  readonly job: JobId | null
  readonly ended: boolean
}

/** What is open of each schedule, read in a new statement under their locks; what has ended is closed. */
async function openFires(connection: Connection, ids: readonly string[]): Promise<Map<string, OpenFire[]>> {
  const { rows } = await connection.run<OpenFire>(sql.openFires, { ids: plain(ids), most: mostOpenFires })
  const ended = rows.filter((row) => row.ended)
  if (ended.length > 0) await connection.run(sql.setStates, stateValues(ended, firedAndEnded))
  const open = new Map<string, OpenFire[]>(ids.map((id) => [id, []]))
  for (const row of rows) if (!row.ended) open.get(row.schedule)?.push(row)
  return open
}

function stateValues(fires: readonly { schedule: string; due: number }[], state: number): Values {
  return {
    schedules: plain(fires.map(({ schedule }) => schedule)),
    dues: plain(fires.map(({ due }) => due)),
    state,
  }
}

function standingOf(
  schedule: StoredSchedule,
  open: readonly OpenFire[],
  now: number,
  aborted: boolean,
): FireStanding {
  const isQueued = (one: OpenFire): boolean => one.state === fireStates.queued
  return {
    ...{ schedule, now, aborted },
    unended: open.flatMap((one) => (isQueued(one) || one.job === null ? [] : [one.job])),
    queued: open.filter(isQueued).map(({ due, kind }) => ({ due, kind: fireKindOf(kind) })),
  }
}

/** What the fires of one transaction come to. */
class Written {
  readonly jobs: NewJob[] = []
  readonly drops: { schedule: string; due: number }[] = []
  readonly fires: {
    schedule: string
    due: number
    kind: FireKind
    state: number
    job: JobId | null
    n: number
  }[] = []
  readonly moves: { id: string; firing: Firing; fired: Fired }[] = []
}

interface Decided {
  readonly plan: FirePlan
  readonly standing: FireStanding
  readonly firing: Firing
  /** Instants that have a fire already which must stay. */
  readonly taken: ReadonlySet<number>
}

function carryOut(written: Written, { plan, standing, firing, taken }: Decided): Fired {
  const { now } = standing
  const started: { due: number; kind: FireKind; job: JobId }[] = []
  const others: NewFire[] = []
  const start = (due: number, kind: FireKind): JobId => {
    const job = plan.jobOf({ due, kind }, now)
    written.jobs.push(job)
    started.push({ due, kind, job: job.id })
    return job.id
  }
  for (const due of firing.drops) written.drops.push({ schedule: plan.id, due })
  for (const due of firing.starts) {
    const queued = standing.queued.find((one) => one.due === due)
    if (queued === undefined) continue
    const { kind } = queued
    written.fires.push({ schedule: plan.id, due, kind, state: fireStates.fired, job: start(due, kind), n: 1 })
  }
  for (const one of firing.fires) {
    const { due, kind, state, n = 1 } = one
    if (taken.has(due)) continue
    const job = state === 'fired' ? start(due, kind) : null
    if (job === null) others.push(one)
    written.fires.push({ schedule: plan.id, due, kind, state: fireStates[state], job, n })
  }
  const fired: Fired = { id: plan.id, now, started, others }
  written.moves.push({ id: plan.id, firing, fired })
  return fired
}

async function write(db: Database, connection: Connection, written: Written): Promise<Wake[]> {
  const { jobs, drops, fires, moves } = written
  if (drops.length > 0) await connection.run(sql.setStates, stateValues(drops, fireStates.skipped))
  if (fires.length > 0)
    await connection.run(sql.putFires, {
      schedules: plain(fires.map((one) => one.schedule)),
      dues: plain(fires.map((one) => one.due)),
      kinds: plain(fires.map((one) => fireKinds[one.kind])),
      states: plain(fires.map((one) => one.state)),
      jobs: plain(fires.map((one) => one.job)),
      counts: plain(fires.map((one) => one.n)),
    })
  await connection.run(sql.move, {
    ids: plain(moves.map(({ id }) => id)),
    nexts: plain(moves.map(({ firing }) => firing.next)),
    states: plain(moves.map(({ firing }) => scheduleStates[firing.state])),
    started: plain(moves.map(({ fired }) => fired.started.length)),
    previous: plain(moves.map(({ fired }) => latestOf(fired.started))),
  })
  const wakes = wakesOf(jobs)
  // A fire that has been decided upon is not refused: it waits in the flex queue, beyond its bound if need be.
  if (jobs.length > 0) await insertJobs(connection, jobs, db.wakeups.channel, wakes, false)
  return wakes
}

async function fire(
  db: Database,
  connection: Connection,
  plans: readonly FirePlan[],
  wait: boolean,
): Promise<{ readonly fired: readonly (Fired | null)[]; readonly wakes: Wake[] }> {
  const locked = await rowsOf(connection, wait ? sql.lockById : sql.lockFree, {
    ids: plain(plans.map(({ id }) => id)),
  })
  const rows = new Map(locked.map((row) => [row.id, row]))
  const mine = plans.filter(({ id, revision }) => rows.get(id)?.revision === revision)
  if (mine.length === 0) return { fired: plans.map(() => null), wakes: [] }
  const ids = mine.map(({ id }) => id)
  // After the locks: earlier, a due time might be judged by a clock that stood before a rival's fire.
  const now = await nowOf(connection)
  const decide = (aborted: boolean, open: Map<string, OpenFire[]>, of: readonly FirePlan[]) =>
    of.map((plan) => {
      const standing = standingOf(rows.get(plan.id) as StoredSchedule, open.get(plan.id) ?? [], now, aborted)
      return { plan, standing, firing: plan.decide(standing) }
    })
  let decided = decide(false, await openFires(connection, ids), mine)
  const aborting = decided.filter(({ firing }) => firing.abort)
  const wakes: Wake[] = []
  if (aborting.length > 0) {
    wakes.push(
      ...(await abortInside(
        db,
        connection,
        aborting.flatMap(({ standing }) => standing.unended),
      )),
    )
    const again = decide(
      true,
      await openFires(connection, ids),
      aborting.map(({ plan }) => plan),
    )
    decided = [...decided.filter(({ firing }) => !firing.abort), ...again]
  }
  const taken = await takenDues(connection, decided)
  const written = new Written()
  const fired = new Map(
    decided.map((one) => [
      one.plan,
      carryOut(written, { ...one, taken: taken.get(one.plan.id) ?? new Set() }),
    ]),
  )
  wakes.push(...(await write(db, connection, written)))
  return { fired: plans.map((plan) => fired.get(plan) ?? null), wakes }
}

async function takenDues(
  connection: Connection,
  decided: readonly { readonly plan: FirePlan; readonly firing: Firing }[],
): Promise<Map<string, Set<number>>> {
  const asked = decided.flatMap(({ plan, firing }) => firing.fires.map(({ due }) => ({ id: plan.id, due })))
  const taken = new Map<string, Set<number>>()
  if (asked.length === 0) return taken
  const { rows } = await connection.run<{ schedule: string; due: number }>(sql.takenFires, {
    schedules: plain(asked.map(({ id }) => id)),
    dues: plain(asked.map(({ due }) => due)),
  })
  for (const { schedule, due } of rows) taken.set(schedule, (taken.get(schedule) ?? new Set()).add(due))
  return taken
}

export function schedules(db: Database): Schedules {
  return {
    change: (key, decide) => change(db, key, decide),

    get: async ({ tenant, name }) => (await rowsOf(db.hot, sql.getByName, { tenant, name }))[0] ?? null,

    list: ({ tenant, deleted, after, limit }) =>
      rowsOf(db.background, sql.list, {
        ...{ tenant, deleted, limit },
        ...{ after_tenant: after?.tenant ?? '', after_name: after?.name ?? '' },
      }),

    async fires(id, { before, limit }) {
      const { rows } = await db.background.run<FireRow>(sql.fires, { id, before, limit })
      return rows.map(storedFireOf)
    },

    async due(targets, limit) {
      const known = texts(targets)
      const due = await rowsOf(db.hot, sql.due, { targets: known, limit })
      const behind = await rowsOf(db.hot, sql.behind, { targets: known, limit })
      const ids = new Set(due.map(({ id }) => id))
      const { rows } = await db.hot.run<{ ms: number }>(sql.nextDue, { targets: known })
      const ms = rows[0]?.ms
      return {
        due: [...due, ...behind.filter(({ id }) => !ids.has(id))],
        nextInMs: due.length >= limit ? 0 : ms === undefined ? null : Math.max(0, ms),
      }
    },

    async fire(plans, wait = false) {
      if (plans.length === 0) return []
      const { fired, wakes } = await db.hot.transaction((connection) => fire(db, connection, plans, wait), {
        beforeCommit: () => hit(db.faults, 'schedule', 'before-commit'),
      })
      db.wakeups.emit(wakes)
      await hit(db.faults, 'schedule', 'after-commit')
      return fired
    },

    async touch(keys) {
      if (keys.length === 0) return
      await db.background.run(sql.touch, {
        tenants: texts(keys.map(({ tenant }) => tenant)),
        names: texts(keys.map(({ name }) => name)),
        versions: plain(keys.map(({ version }) => version)),
      })
    },

    late: (graceMs, limit) => rowsOf(db.background, sql.late, { grace: graceMs, limit }),

    async prune(olderThanMs, most) {
      return (await db.background.run(sql.prune, { age: olderThanMs, most })).count
    },
  }
}
