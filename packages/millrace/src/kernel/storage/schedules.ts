import type { JobId } from '../rules/execution.ts'
import type { NewJob } from './jobs.ts'

/** Unique among the schedules of its tenant. */
export interface ScheduleKey {
  readonly tenant: string
  readonly name: string
}

/**
 * complete: it will never fire again. deleted: removed by hand, or its code is gone
 * while it was waiting; kept so that code that comes back goes on where it was, with its history.
 */
export type ScheduleState = 'waiting' | 'paused' | 'complete' | 'deleted'

/** What whoever writes a schedule decides; the kernel understands `next`, `state` and the target, and keeps the rest. */
export interface ScheduleDraft {
  /** A UUIDv7 of the caller's making; a schedule that is written anew over a deleted one has a new one. */
  readonly id: string
  /** The tool, name and version of the definition that it runs. */
  readonly tool: string
  readonly target: string
  readonly targetVersion: number
  /** null: it is no cron schedule. */
  readonly cron: string | null
  readonly zone: string
  /** Epoch ms, as all times here. */
  readonly start: number | null
  readonly end: number | null
  /** JSON text: everything else that the tool knows of it. */
  readonly spec: string
  readonly origin: 'code' | 'runtime'
  /** Of the definition in code; 1 for those made at run time. */
  readonly version: number
  readonly author: string | null
  readonly state: ScheduleState
  /** When it is due; null: never. */
  readonly next: number | null
}

export interface StoredSchedule extends ScheduleDraft, ScheduleKey {
  /** The due time of the last fire that started a job. */
  readonly previous: number | null
  /** Fires that started a job. */
  readonly triggered: number
  /** Fires that wait for an earlier one's job to end. */
  readonly queued: number
  /** Rises with each draft that is written. */
  readonly revision: number
  /** When a process last said that its code has it. */
  readonly seen: number
  readonly createdAt: number
  readonly changedAt: number
}

/** due: by its times. manual: run by hand. backfill: of a range in the past, asked for. */
export type FireKind = 'due' | 'manual' | 'backfill'

/** fired: it has a job. queued: it waits for an earlier one's job. skipped: by the overlap policy. missed: by the misfire policy. */
export type FireState = 'fired' | 'queued' | 'skipped' | 'missed'

/** One fire of a schedule: there is at most one for an instant. */
export interface StoredFire {
  readonly due: number
  readonly kind: FireKind
  readonly state: FireState
  readonly job: JobId | null
  /** When it was decided. */
  readonly at: number
  /** missed: how many fires this one stands for, itself the first. */
  readonly n: number
}

export interface FireStanding {
  /** As it stands, locked. */
  readonly schedule: StoredSchedule
  /** The database's clock. */
  readonly now: number
  /** Jobs of earlier fires that have not ended, whatever they wait for; oldest first, at most 1,000. */
  readonly unended: readonly JobId[]
  /** Fires that wait for them, oldest first, at most 1,000. */
  readonly queued: readonly { readonly due: number; readonly kind: FireKind }[]
  /** What was to be aborted was: `unended` are those that still have to stop. */
  readonly aborted: boolean
}

export interface NewFire {
  readonly due: number
  readonly kind: FireKind
  readonly state: FireState
  /** missed: how many it stands for. @default 1 */
  readonly n?: number
}

export interface Firing {
  /** Abort the unended jobs, look again, and decide anew: everything else of this answer is then ignored. */
  readonly abort: boolean
  /** An instant that has a fire with a job, or a queued one, already is left as it is. */
  readonly fires: readonly NewFire[]
  /** Due times of queued fires that start now. */
  readonly starts: readonly number[]
  /** Due times of queued fires that are skipped after all. */
  readonly drops: readonly number[]
  readonly next: number | null
  readonly state: ScheduleState
}

export interface FirePlan {
  readonly id: string
  /** Of the schedule that `jobOf` was made for; another one leaves everything as it is. */
  readonly revision: number
  /** Pure and quick: it runs inside the transaction. */
  readonly decide: (standing: FireStanding) => Firing
  /** The job of a fire; without a unique key. */
  readonly jobOf: (fire: { readonly due: number; readonly kind: FireKind }, now: number) => NewJob
}

export interface Fired {
  readonly id: string
  /** By the database's clock. */
  readonly now: number
  readonly started: readonly { readonly due: number; readonly kind: FireKind; readonly job: JobId }[]
  /** Those of the decision that were new, without the started ones. */
  readonly others: readonly NewFire[]
}

export interface DueSchedules {
  /** Soonest first. */
  readonly due: readonly StoredSchedule[]
  /** Until the next is due; 0 = more are due now; null = none. */
  readonly nextInMs: number | null
}

/** Schedules and their fires. A fire is a row that commits together with the job it starts and the schedule's advance (R5). */
export interface Schedules {
  /**
   * Shows the row (null: there is none) and the database's clock to `decide`, and writes what it answers, all under the row's lock; null
   * leaves it as it is. Answers the row as it then stands. Wakes those who fire.
   */
  change(
    key: ScheduleKey,
    decide: (standing: StoredSchedule | null, now: number) => ScheduleDraft | null,
  ): Promise<StoredSchedule | null>
  /** Also deleted ones. */
  get(key: ScheduleKey): Promise<StoredSchedule | null>
  /** By (tenant, name), those after `after`; without `deleted` not the deleted ones. */
  list(filter: {
    readonly tenant: string | null
    readonly deleted: boolean
    readonly after: ScheduleKey | null
    readonly limit: number
  }): Promise<readonly StoredSchedule[]>
  /** Newest first, those before `before`. */
  fires(
    id: string,
    page: { readonly before: number | null; readonly limit: number },
  ): Promise<readonly StoredFire[]>
  /**
   * Waiting schedules whose time has come, and those with queued fires and no unended job, of these targets ('name@version'). Locks
   * nothing.
   */
  due(targets: readonly string[], limit: number): Promise<DueSchedules>
  /**
   * One transaction for all plans, each under the lock of its schedule: asks `decide`, writes the fires, enqueues their jobs, moves the
   * schedule on. A schedule of another revision, or locked by somebody else (unless `wait`), is left alone: null in its place.
   */
  fire(plans: readonly FirePlan[], wait?: boolean): Promise<readonly (Fired | null)[]>
  /** Code schedules that this process has, in this version or an older one: they are seen now. */
  touch(keys: readonly (ScheduleKey & { readonly version: number })[]): Promise<void>
  /**
   * Waiting schedules that are due since more than `graceMs` and did not fire; each once for a due time, to one process only, so that
   * it can be told.
   */
  late(graceMs: number, limit: number): Promise<readonly StoredSchedule[]>
  /**
   * Deletes at most `most` fires that were decided longer ago; of a schedule that may fire again never one that is queued or whose job
   * has not ended.
   */
  prune(olderThanMs: number, most: number): Promise<number>
}

/** As stored. */
export const scheduleStates: Readonly<Record<ScheduleState, number>> = {
  waiting: 1,
  paused: 2,
  complete: 3,
  deleted: 4,
}

export const fireKinds: Readonly<Record<FireKind, number>> = { due: 0, manual: 1, backfill: 2 }

/** As stored; a fire whose job has ended, and need not be looked at any more, is 2. */
export const fireStates: Readonly<Record<FireState, number>> = { fired: 1, queued: 3, skipped: 4, missed: 5 }
export const firedAndEnded = 2

/**
 * No row will ever have this id again, so that its fires are closed and can be pruned. One of code that is deleted may come back, and
 * must then see its jobs that have not ended.
 */
export function isGivenUp({ id }: StoredSchedule, draft: ScheduleDraft): boolean {
  return id !== draft.id || (draft.state === 'deleted' && draft.origin === 'runtime')
}

/** Unended jobs and queued fires that a decision sees at most. */
export const mostOpenFires = 1_000

function scheduleStateOf(stored: number): ScheduleState {
  return nameOf(scheduleStates, stored)
}

export function fireKindOf(stored: number): FireKind {
  return nameOf(fireKinds, stored)
}

function fireStateOf(stored: number): FireState {
  return stored === firedAndEnded ? 'fired' : nameOf(fireStates, stored)
}

/** Both databases read the same columns under the same names. */
export type ScheduleRow = Omit<StoredSchedule, 'state'> & { readonly state: number }
export type FireRow = Omit<StoredFire, 'kind' | 'state'> & { readonly kind: number; readonly state: number }

export function scheduleOf({ state, ...row }: ScheduleRow): StoredSchedule {
  return { ...row, state: scheduleStateOf(state) }
}

export function storedFireOf({ kind, state, ...row }: FireRow): StoredFire {
  return { ...row, kind: fireKindOf(kind), state: fireStateOf(state) }
}

/** The latest due time among what has started; null: nothing has. */
export function latestOf(started: Fired['started']): number | null {
  return started.reduce<number | null>((last, { due }) => Math.max(last ?? due, due), null)
}

function nameOf<Name extends string>(names: Readonly<Record<Name, number>>, stored: number): Name {
  for (const name in names) if (names[name] === stored) return name
  throw new RangeError(`nothing is stored as ${stored}`)
}
