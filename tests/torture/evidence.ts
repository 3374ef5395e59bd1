import type { Entry } from './ledger.ts'
import type { DoneRow, EffectRow, JobRow, Rows } from './rows.ts'
import { isWork, type Work } from './work.ts'

/** Everything that is known of a run. */
export interface Evidence {
  /** Of all processes and of the harness, by time. */
  readonly entries: readonly Entry[]
  /** Read after healing and draining. */
  readonly rows: Rows
  readonly setting: Setting
}

export interface Setting {
  readonly leaseMs: number
  readonly maxDeaths: number
  /** By when a dead process's executions must have been taken from it, in ms after its death; null: somebody was not there to do it. */
  readonly recoveryBoundMs: number | null
  /** On a machine under load a lease may lapse without a fault: then it is evidence enough that an attempt was told so. */
  readonly lapsesByItself: boolean
  /** The database itself was made to fail, so that attempts may have failed by it. */
  readonly databaseFaults: boolean
  /** Jobs that had ended before history was deleted: they may be gone, but then without a trace. */
  readonly prunable: ReadonlySet<string>
}

export type EntryOf<K extends Entry['kind']> = Entry & { readonly kind: K }

export interface Call {
  readonly call: EntryOf<'call'>
  /** null: the process died, or stands, before it knew. */
  readonly answer: EntryOf<'ok' | 'fail' | 'unknown'> | null
}

export interface Start {
  readonly start: EntryOf<'start'>
  readonly end: EntryOf<'end'> | null
}

/** The evidence, found by job, attempt, process and call. */
export class Findings {
  readonly evidence: Evidence
  readonly calls: readonly Call[]
  /** Calls that enqueue, by the ref of each of their works. */
  readonly callOf: ReadonlyMap<string, Call & { readonly place: number }>
  readonly starts: readonly Start[]
  readonly jobs: ReadonlyMap<string, JobRow>
  readonly #startsOf: ReadonlyMap<string, Start[]>
  readonly #doneOf: ReadonlyMap<string, DoneRow[]>
  readonly #effectsOf: ReadonlyMap<string, EffectRow[]>
  /** Of each process that died, what killed it. */
  readonly deaths: ReadonlyMap<string, EntryOf<'did' | 'fault'>>
  readonly #generations: ReadonlyMap<string, readonly Generation[]>
  readonly #wallOffset: number

  constructor(evidence: Evidence) {
    this.evidence = evidence
    const { entries, rows, setting } = evidence
    this.calls = callsOf(entries)
    this.callOf = new Map(
      this.calls.flatMap((one) =>
        one.call.works.map((work, place) => [work.ref, { ...one, place }] as const),
      ),
    )
    this.starts = startsOf(entries)
    this.jobs = new Map(rows.jobs.map((job) => [job.id, job]))
    this.#startsOf = grouped(this.starts, ({ start }) => start.job)
    this.#doneOf = grouped(rows.done, ({ job }) => job)
    this.#effectsOf = grouped(rows.effects, ({ job }) => job)
    this.deaths = deathsOf(entries)
    this.#generations = generationsOf(entries, setting)
    const [first] = entries
    this.#wallOffset = first === undefined ? 0 : first.wall - first.at
  }

  get rows(): Rows {
    return this.evidence.rows
  }

  startsOf(job: string): readonly Start[] {
    return this.#startsOf.get(job) ?? []
  }

  startsOfAttempt({ job, seq, attempt }: AttemptKey): readonly Start[] {
    return this.startsOf(job).filter(({ start }) => start.seq === seq && start.attempt === attempt)
  }

  doneOf(job: string): readonly DoneRow[] {
    return this.#doneOf.get(job) ?? []
  }

  done({ job, seq, attempt }: AttemptKey): DoneRow | undefined {
    return this.doneOf(job).find((row) => row.seq === seq && row.attempt === attempt)
  }

  effectsOf({ job, seq, attempt }: AttemptKey): readonly EffectRow[] {
    return (this.#effectsOf.get(job) ?? []).filter((row) => row.seq === seq && row.attempt === attempt)
  }

  /** The row that ended the job. */
  endOf(job: string): DoneRow | undefined {
    return this.doneOf(job).find(({ seq, outcome }) => seq >= 0 && endsJob(outcome))
  }

  workOf(job: JobRow): Work | null {
    return isWork(job.payload) ? job.payload : null
  }

  /** From when on (as `at`) whatever this began may have been without its lease; Infinity: never. */
  doubtedFrom({ process, at }: { readonly process: string; readonly at: number }): number {
    const generations = this.#generations.get(process) ?? []
    return generations.findLast(({ from }) => from <= at)?.doubted ?? Infinity
  }

  /** An epoch ms of this machine as `at`. */
  atOf(wall: number): number {
    return wall - this.#wallOffset
  }
}

/** What a process did under one registration as a worker. */
interface Generation {
  readonly from: number
  /** From when on its lease may have been gone. */
  doubted: number
}

function deathsOf(entries: readonly Entry[]): Map<string, EntryOf<'did' | 'fault'>> {
  const deaths = new Map<string, EntryOf<'did' | 'fault'>>()
  for (const entry of entries) {
    if (entry.kind === 'did' && entry.action === 'kill' && entry.target !== null)
      deaths.set(entry.target, entry)
    if (entry.kind === 'fault' && entry.action === 'kill') deaths.set(entry.process, entry)
  }
  return deaths
}

function generationsOf(
  entries: readonly Entry[],
  { leaseMs, lapsesByItself }: Setting,
): Map<string, Generation[]> {
  const generations = new Map<string, Generation[]>()
  const doubt = (process: string, at: number): void => {
    const current = generations.get(process)?.at(-1)
    if (current !== undefined) current.doubted = Math.min(current.doubted, Math.max(current.from, at))
  }
  for (const entry of entries) {
    const { at, process } = entry
    if (entry.kind === 'began') generations.set(process, [{ from: at, doubted: Infinity }])
    if (entry.kind === 'worker') generations.get(process)?.push({ from: at, doubted: Infinity })
    // It lapsed at some moment before: at most one lease and one heartbeat ago.
    if (entry.kind === 'workerFenced' || (lapsesByItself && entry.kind === 'fenced'))
      doubt(process, at - 2 * leaseMs)
    if (entry.kind === 'fault' && (entry.action === 'kill' || entry.action === 'stop')) doubt(process, at)
    if (entry.kind !== 'did') continue
    if (entry.action === 'kill' || entry.action === 'freeze') doubt(entry.target ?? '', at)
    // Nobody can renew a lease while the database is away, or cannot be reached.
    if (entry.action === 'crash' || entry.action === 'part' || entry.action === 'diskFails')
      for (const name of generations.keys()) doubt(name, at)
  }
  return generations
}

export interface AttemptKey {
  readonly job: string
  readonly seq: number
  readonly attempt: number
}

export function keyText({ job, seq, attempt }: AttemptKey): string {
  return `${job} seq ${seq} attempt ${attempt}`
}

function callsOf(entries: readonly Entry[]): Call[] {
  const open = new Map<string, { call: EntryOf<'call'>; answer: Call['answer'] }>()
  for (const entry of entries) {
    if (entry.kind === 'call') open.set(`${entry.process}/${entry.call}`, { call: entry, answer: null })
    if (entry.kind === 'ok' || entry.kind === 'fail' || entry.kind === 'unknown') {
      const found = open.get(`${entry.process}/${entry.call}`)
      if (found !== undefined) found.answer = entry
    }
  }
  return [...open.values()]
}

function startsOf(entries: readonly Entry[]): Start[] {
  const open = new Map<string, { start: EntryOf<'start'>; end: Start['end'] }>()
  for (const entry of entries) {
    if (entry.kind === 'start') open.set(entry.token, { start: entry, end: null })
    if (entry.kind === 'end') {
      const found = open.get(entry.token)
      if (found !== undefined) found.end = entry
    }
  }
  return [...open.values()]
}

export function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}

// Outcomes as they are on disk, written down once more: the checker must not believe the engine's own table.
export const succeeded = 1
export const retried = 2
export const lost = 3
export const gaveUp = 5
export const completed = 10
export const failed = 11
export const aborted = 12
export const completedWithErrors = 13
export const expired = 14
export const parked = 15
export const replaced = 17
export const outcomeNames: Readonly<Record<number, string>> = {
  1: 'succeeded',
  2: 'retried',
  3: 'lost',
  5: 'gaveUp',
  10: 'completed',
  11: 'failed',
  12: 'aborted',
  13: 'completedWithErrors',
  14: 'expired',
  15: 'parked',
  16: 'skipped',
  17: 'replaced',
}

export function endsJob(outcome: number): boolean {
  return outcome >= 10
}

/** Whether the attempt's writes must be in the database. */
export function committed({ seq, outcome }: DoneRow): boolean {
  if (seq < 0 || outcome === succeeded) return outcome === succeeded
  return outcome === completed || outcome === completedWithErrors
}

/** Ended without a handler: aborted or replaced while it was queued. */
export function endedQueued({ lease }: DoneRow): boolean {
  return lease === 0
}
