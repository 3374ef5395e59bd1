import type { Entry, Event } from './ledger.ts'
import type { DoneRow, EffectRow, FailureRow, JobRow } from './rows.ts'
import type { ToolRows } from './tool-rows.ts'
import type { Work } from './work.ts'

/** A batch and a few schedules as an engine without a fault would leave them, to stand beside a clean history of jobs. */
export interface CleanTools {
  readonly entries: readonly Entry[]
  readonly jobs: readonly JobRow[]
  readonly done: readonly DoneRow[]
  readonly effects: readonly EffectRow[]
  readonly failures: readonly FailureRow[]
  readonly tools: ToolRows
}

interface Moment {
  /** As `at` of entries, and as `wall`. */
  readonly at: number
  readonly wall: number
}

const process = 'tools'
const items = { after: 0, upTo: 6 }
const batch: Work = { ref: 'batch', kind: 'keys', runMs: 0, items, group: 'batch', limit: 1 }
const firstLease = 5_000

/** One execution of the batch below: of three chunks of two records the second has a bad one (3), mended for the retry. */
interface Step {
  readonly job: 'batch' | 'batch-again'
  readonly seq: number
  readonly attempt?: number
  readonly phase?: 'start' | 'execute' | 'finish'
  readonly ids?: readonly number[]
  readonly bad?: number
  readonly outcome: 1 | 2 | 5 | 10 | 13
}

const steps: readonly Step[] = [
  { job: 'batch', seq: 0, phase: 'start', outcome: 1 },
  { job: 'batch', seq: 1, phase: 'execute', ids: [1, 2], outcome: 1 },
  { job: 'batch', seq: 2, phase: 'execute', ids: [3, 4], bad: 1, outcome: 2 },
  { job: 'batch', seq: 2, attempt: 2, phase: 'execute', ids: [3, 4], bad: 1, outcome: 5 },
  // Halved.
  { job: 'batch', seq: 3, outcome: 1 },
  { job: 'batch', seq: 4, phase: 'execute', ids: [5, 6], outcome: 1 },
  { job: 'batch', seq: 5, phase: 'execute', ids: [3], bad: 1, outcome: 5 },
  { job: 'batch', seq: 6, outcome: 1 },
  { job: 'batch', seq: 7, phase: 'execute', ids: [4], outcome: 1 },
  { job: 'batch', seq: 8, phase: 'finish', outcome: 13 },
  { job: 'batch-again', seq: 0, outcome: 1 },
  { job: 'batch-again', seq: 1, phase: 'execute', ids: [3], outcome: 1 },
  { job: 'batch-again', seq: 2, phase: 'finish', outcome: 10 },
]

export function cleanTools(begin: Moment): CleanTools {
  const author = new Author(begin)
  author.batch()
  author.schedules()
  return author
}

class Author implements CleanTools {
  readonly entries: Entry[] = []
  readonly jobs: JobRow[] = []
  readonly done: DoneRow[] = []
  readonly effects: EffectRow[] = []
  readonly failures: FailureRow[] = []
  readonly tools: { -readonly [K in keyof ToolRows]: ToolRows[K][number][] } = {
    ...{ items: [], totals: [], states: [], asides: [], schedules: [], fires: [] },
  }
  readonly #begin: Moment
  #now = 0
  #tokens = 0

  constructor(begin: Moment) {
    this.#begin = begin
  }

  batch(): void {
    this.#write({ kind: 'began', pid: 2, role: 'both' })
    this.#write({ kind: 'call', call: 1, op: 'enqueue', works: [batch] })
    this.#job('batch', batch, null, null)
    this.#write({ kind: 'ok', call: 1, jobs: ['batch'] })
    for (const step of steps.filter(({ job }) => job === 'batch')) this.#step(step)
    this.#write({ kind: 'call', call: 2, op: 'retryFailed', works: [], job: 'batch' })
    this.#job('batch-again', batch, 'batch', null)
    this.#write({ kind: 'ok', call: 2, jobs: ['batch-again'] })
    for (const step of steps.filter(({ job }) => job === 'batch-again')) this.#step(step)
    this.#write({ kind: 'allApplied', job: 'batch' })
    this.tools.items.sort((a, b) => a.first - b.first)
    const counts = { total: 6, processed: 5, failed: 1, chunks: 3, errors: 1 }
    this.tools.states.push({ job: 'batch', ...counts, count: 5, sum: 18 })
    const again = { total: 1, processed: 1, failed: 0, chunks: 1, errors: 0 }
    this.tools.states.push({ job: 'batch-again', ...again, count: 1, sum: 3 })
  }

  schedules(): void {
    const now = this.#begin.wall + this.#now
    const later = now + 100_000
    this.#schedule({ name: 'every', everyMs: 1_000, overlap: 'allow', misfire: 'fireAll' }, now, [
      ...[0, 1_000, 2_000].map((after) => ({ due: now + after, at: now + after })),
    ])
    this.#schedule({ name: 'alone', everyMs: 1_000, overlap: 'skip', misfire: 'fireAll' }, now, [
      { due: now, at: now },
      { due: now + 1_000, at: now + 1_000, state: 'skipped' },
    ])
    // Nobody was there for the first 40 s.
    this.#schedule({ name: 'late', everyMs: 10_000, overlap: 'allow', misfire: 'skip' }, now, [
      { due: now, at: later, state: 'missed', n: 4 },
      ...[4, 5, 6, 7, 8, 9, 10].map((n) => ({ due: now + n * 10_000, at: later })),
    ])
  }

  #schedule(
    asked: Omit<Event & { kind: 'scheduled' }, 'kind' | 'id' | 'first'>,
    first: number,
    fires: readonly {
      readonly due: number
      readonly at: number
      readonly state?: 'skipped' | 'missed'
      readonly n?: number
    }[],
  ): void {
    const { name, everyMs } = asked
    const id = `schedule-${name}`
    this.#write({ kind: 'scheduled', id, ...asked, first })
    const work: Work = { ref: name, kind: 'scheduled', runMs: 1 }
    for (const { due, at, state = 'fired', n = 1 } of fires) {
      this.#now = at - this.#begin.wall
      const job = state === 'fired' ? `${id} ${due}` : null
      this.tools.fires.push({ schedule: id, due, state, job, at, n })
      if (job === null) continue
      this.#job(job, work, null, { id, due })
      this.#write({ kind: 'fired', schedule: id, due, job })
      const token = this.#start(job, work, { seq: 0, attempt: 1 })
      this.#end(token, { job, seq: 0, attempt: 1 }, { outcome: 10, leaves: true })
    }
    const last = fires.at(-1)?.due ?? first
    const triggered = fires.filter(({ state = 'fired' }) => state === 'fired').length
    this.tools.schedules.push({ id, name, next: last + everyMs, triggered })
    this.#write({ kind: 'unscheduled', schedule: id, upTo: last })
  }

  #step({ job, seq, attempt = 1, phase, ids = [], bad = 0, outcome }: Step): void {
    const key = { job, seq, attempt }
    if (phase === undefined) {
      this.#now += 3
      this.#settled(key, outcome)
      return
    }
    const token = this.#start(job, batch, { seq, attempt, phase })
    const isApplied = phase === 'execute' && outcome === 1
    const sum = ids.reduce((total, id) => total + id, 0)
    if (phase === 'execute') this.#write({ kind: 'chunk', token, count: ids.length, sum, bad })
    const [first = 0] = ids
    if (isApplied) this.tools.items.push({ first, last: ids.at(-1) ?? first, n: 1, token })
    if (phase === 'finish') {
      const whole = job === 'batch' ? { count: 5, sum: 18 } : { count: 1, sum: 3 }
      this.tools.totals.push({ job, token, ...whole })
    }
    if (bad > 0) this.failures.push({ ...key, code: 'Error', message: 'a chunk with 1 bad records' })
    this.#end(token, key, { outcome, leaves: isApplied || phase === 'finish' })
  }

  #start(
    job: string,
    work: Work,
    { seq, attempt, phase }: { seq: number; attempt: number; phase?: 'start' | 'execute' | 'finish' },
  ): string {
    this.#tokens += 1
    const token = `${process}/${this.#tokens}`
    const key = { job, seq, attempt, lease: firstLease + this.done.length, tenant: 'default', intact: true }
    this.#write({ kind: 'start', token, ...key, work, ...(phase === undefined ? {} : { phase }) })
    return token
  }

  #end(
    token: string,
    key: { job: string; seq: number; attempt: number },
    { outcome, leaves }: { outcome: number; leaves: boolean },
  ): void {
    this.#now += 2
    this.#write({ kind: 'end', token, how: outcome === 2 || outcome === 5 ? 'threw' : 'returned' })
    if (leaves) this.effects.push({ ...key, token })
    this.#settled(key, outcome)
  }

  #settled(key: { job: string; seq: number; attempt: number }, outcome: number): void {
    const lease = firstLease + this.done.length
    this.done.push({ ...key, outcome, lease, finished: this.#begin.wall + this.#now })
    this.#now += 1
  }

  #job(id: string, work: Work, retryOf: string | null, fire: JobRow['fire']): void {
    this.jobs.push({
      ...{
        id,
        tenant: 'default',
        queue: 'default',
        name: work.kind,
        prio: 5,
        parent: null,
        finalizer: false,
      },
      ...{ retryOf, fire, created: this.#begin.wall + this.#now, payload: work },
    })
  }

  #write(event: Event): void {
    const { at, wall } = this.#begin
    this.entries.push({ ...event, at: at + this.#now, wall: wall + this.#now, process })
    this.#now += 1
  }
}
