import type { Evidence } from './evidence.ts'
import type { Entry, Event } from './ledger.ts'
import type { DoneRow, EffectRow, JobRow, Rows } from './rows.ts'
import { cleanTools } from './clean-tools.ts'
import { noToolRows } from './tool-rows.ts'
import { childrenOf, hasEffect, type Work } from './work.ts'

const epoch = 1_700_000_000_000
const outcomes: Readonly<Record<string, number>> = {
  succeeded: 1,
  retried: 2,
  lost: 3,
  completed: 10,
  failed: 11,
  aborted: 12,
}

interface Run {
  readonly seq?: number
  readonly attempt?: number
  readonly outcome: keyof typeof outcomes
  readonly process?: string
  readonly lease?: number
  /** Begins this long after now, and lasts `lasts`. */
  readonly after?: number
  readonly lasts?: number
}

/** What a start says of its payload when it came as it went. */
export function asEnqueued({ tenant = 'default' }: Work): { readonly tenant: string; readonly intact: true } {
  return { tenant, intact: true }
}

/** Writes a history by hand, as an engine without a fault would leave it. */
class Author {
  readonly #entries: Entry[] = []
  readonly #jobs: JobRow[] = []
  readonly #done: DoneRow[] = []
  readonly #effects: EffectRow[] = []
  readonly #app: string[] = []
  #now = 0
  #calls = 0
  #leases = 0
  #tokens = 0

  write(process: string, event: Event, after = 0): void {
    const at = this.#now + after
    this.#entries.push({ ...event, at: at + 5_000, wall: epoch + at, process })
  }

  pass(ms: number): void {
    this.#now += ms
  }

  enqueue(
    work: Work,
    op: 'enqueue' | 'transaction' = 'enqueue',
    answer: 'ok' | 'unknown' | 'fail' | null = 'ok',
  ): string {
    const id = this.#id(work.ref)
    this.#calls += 1
    const call = this.#calls
    this.write('producer', { kind: 'call', call, op, works: [work] })
    this.pass(2)
    if (answer !== 'fail') {
      this.#store(id, work, null)
      if (op === 'transaction') this.#app.push(work.ref)
    }
    this.pass(2)
    if (answer === 'ok') this.write('producer', { kind: 'ok', call, jobs: [id] })
    if (answer === 'unknown')
      this.write('producer', { kind: 'unknown', call, code: 'MILL_STORAGE_UNAVAILABLE' })
    if (answer === 'fail') this.write('producer', { kind: 'fail', call, code: 'MILL_DUPLICATE' })
    return id
  }

  duplicate(work: Work, holder: string): void {
    this.#calls += 1
    const call = this.#calls
    this.write('producer', { kind: 'call', call, op: 'enqueue', works: [work] })
    this.pass(3)
    this.write('producer', { kind: 'ok', call, jobs: [holder], duplicate: true })
  }

  abort(job: string): void {
    this.#calls += 1
    const call = this.#calls
    this.write('producer', { kind: 'call', call, op: 'abort', works: [], job })
    this.#done.push({ job, seq: 0, attempt: 1, outcome: 12, lease: 0, finished: epoch + this.#now })
    this.write('producer', { kind: 'ok', call, jobs: [], answer: 'aborted' })
  }

  lease(): number {
    this.#leases += 1
    return this.#leases
  }

  /** One run of an execution, from its first line to its history. */
  run(
    job: string,
    { seq = 0, attempt = 1, outcome, process = 'w1', lease, after = 0, lasts = 5 }: Run,
  ): void {
    const row = this.#jobs.find(({ id }) => id === job)
    if (row === undefined) throw new Error(`no job ${job}`)
    const work = row.payload as Work
    const held = lease ?? this.lease()
    const key = { job, seq, attempt }
    this.pass(after)
    this.#tokens += 1
    const token = `${process}/${this.#tokens}`
    const ended = this.#done.find((done) => done.job === job && done.seq === 0 && done.attempt === -seq)
    this.write(process, {
      kind: 'start',
      token,
      ...key,
      lease: held,
      work,
      ...asEnqueued(work),
      ...(seq < 0 && ended !== undefined ? { told: told(ended.outcome) } : {}),
    })
    if (outcome === 'lost') {
      this.pass(lasts)
      this.#finish(key, outcome, held)
      return
    }
    this.write(process, { kind: 'end', token, how: outcome === 'retried' ? 'threw' : 'returned' }, lasts)
    this.pass(lasts + 1)
    const committed = outcome === 'completed' || outcome === 'succeeded'
    if (committed && hasEffect(work, seq)) this.#effects.push({ ...key, token })
    if (committed) for (let n = 0; n < childrenOf(work, seq); n += 1) this.#child(work, key, n, process)
    this.#finish(key, outcome, held)
    this.pass(1)
    this.write(process, { kind: 'settled', ...key, outcome })
  }

  /** Two runs at once. */
  together(first: string, second: string): void {
    const [one, two] = [this.lease(), this.lease()]
    const rows = [first, second].map((job, index) => {
      const work = this.#jobs.find(({ id }) => id === job)?.payload as Work
      this.#tokens += 1
      const token = `w1/${this.#tokens}`
      const lease = index === 0 ? one : two
      this.write(
        'w1',
        { kind: 'start', token, job, seq: 0, attempt: 1, lease, work, ...asEnqueued(work) },
        index,
      )
      this.write('w1', { kind: 'end', token, how: 'returned' }, 20 + index)
      return { job, token, lease }
    })
    this.pass(30)
    for (const { job, token, lease } of rows) {
      this.#effects.push({ job, seq: 0, attempt: 1, token })
      this.#finish({ job, seq: 0, attempt: 1 }, 'completed', lease)
      this.write('w1', { kind: 'settled', job, seq: 0, attempt: 1, outcome: 'completed' })
    }
  }

  seen(job: string, status: string): void {
    this.write('producer', { kind: 'seen', job, from: this.#now + 5_000, status }, 1)
    this.pass(2)
  }

  children(of: string): string[] {
    return this.#jobs.filter(({ parent }) => parent === of).map(({ id }) => id)
  }

  evidence(): Evidence {
    const rows: Rows = {
      jobs: this.#jobs,
      ready: [],
      waiting: [],
      leases: [],
      done: this.#done,
      permits: [],
      workers: [],
      aborts: [],
      failures: [],
      remnants: [],
      effects: this.#effects,
      app: this.#app,
      tools: noToolRows,
      damage: [],
    }
    return {
      entries: [...this.#entries].sort((a, b) => a.at - b.at),
      rows,
      setting: {
        leaseMs: 1_000,
        maxDeaths: 3,
        recoveryBoundMs: 3_000,
        lapsesByItself: true,
        databaseFaults: false,
        prunable: new Set(),
      },
    }
  }

  #id(ref: string): string {
    return `job-${ref}`
  }

  #child(work: Work, key: { job: string; seq: number; attempt: number }, n: number, process: string): void {
    const child: Work = {
      ref: `${work.ref}.${key.seq}.${key.attempt}.${n}`,
      kind: 'plain',
      runMs: 1,
      parent: key,
    }
    this.#store(this.#id(child.ref), child, key.job)
    this.write(process, { kind: 'trouble', role: 'none', code: 'none', message: 'a line about nothing' })
  }

  #store(id: string, work: Work, parent: string | null): void {
    this.#jobs.push({
      id,
      tenant: work.tenant ?? 'default',
      queue: work.queue ?? 'default',
      name: work.kind,
      prio: work.priority ?? 5,
      parent,
      finalizer: work.kind === 'finalized',
      retryOf: null,
      fire: null,
      created: epoch + this.#now,
      payload: work,
    })
  }

  #finish(key: { job: string; seq: number; attempt: number }, outcome: string, lease: number): void {
    this.#done.push({ ...key, outcome: outcomes[outcome] ?? 0, lease, finished: epoch + this.#now })
  }
}

function told(outcome: number): { result: string; willRetry: boolean } {
  const results: Readonly<Record<number, string>> = { 3: 'LOST', 10: 'SUCCESS', 12: 'ABORTED' }
  return { result: results[outcome] ?? 'UNHANDLED_EXCEPTION', willRetry: outcome < 10 }
}

/** A run of every kind of job, with a death, a hand-back, an abort and an unknown outcome, in which every promise was kept. */
export function cleanHistory(): Evidence {
  const author = new Author()
  author.write('harness', { kind: 'did', action: 'restart', target: null })
  for (const process of ['producer', 'w1', 'w2'])
    author.write(process, { kind: 'began', pid: 1, role: 'both' })
  for (const [worker, process] of ['w1', 'w2'].entries()) author.write(process, { kind: 'worker', worker })

  const plain = author.enqueue({ ref: 'plain', kind: 'plain', runMs: 1, tenant: 't1', priority: 2 })
  author.seen(plain, 'Queued')
  author.run(plain, { outcome: 'completed' })
  author.seen(plain, 'Completed')
  author.seen(plain, 'Completed')

  const effect = author.enqueue({ ref: 'effect', kind: 'effect', runMs: 1, queue: 'bulk' }, 'transaction')
  author.run(effect, { outcome: 'completed' })
  author.enqueue({ ref: 'refused', kind: 'effect', runMs: 1 }, 'transaction', 'fail')

  const unknown = author.enqueue({ ref: 'unknown', kind: 'effect', runMs: 1 }, 'enqueue', 'unknown')
  author.run(unknown, { outcome: 'completed' })

  const flaky = author.enqueue({ ref: 'flaky', kind: 'finalized', runMs: 1, fails: 1 })
  author.run(flaky, { outcome: 'retried' })
  author.run(flaky, { seq: -1, outcome: 'succeeded' })
  author.run(flaky, { attempt: 2, outcome: 'completed', after: 100 })
  author.run(flaky, { seq: -2, outcome: 'succeeded' })

  const parent = author.enqueue({ ref: 'parent', kind: 'effect', runMs: 1, children: 2 })
  author.run(parent, { outcome: 'completed' })
  for (const child of author.children(parent)) author.run(child, { outcome: 'completed' })

  const holder = author.enqueue({ ref: 'holder', kind: 'effect', runMs: 1, unique: 'k' })
  author.duplicate({ ref: 'rival', kind: 'effect', runMs: 1, unique: 'k' }, holder)
  author.run(holder, { outcome: 'completed' })
  author.pass(20)
  const heir = author.enqueue({ ref: 'heir', kind: 'effect', runMs: 1, unique: 'k' })
  author.run(heir, { outcome: 'completed' })

  const limits = [1, 2, 3].map((n) =>
    author.enqueue({ ref: `limited${n}`, kind: 'limited', runMs: 20, group: 'g', limit: 2 }),
  ) as [string, string, string]
  author.together(limits[0], limits[1])
  author.run(limits[2], { outcome: 'completed' })

  const delayed = author.enqueue({ ref: 'delayed', kind: 'effect', runMs: 1, delayMs: 50 })
  author.run(delayed, { outcome: 'completed', after: 60 })

  author.abort(author.enqueue({ ref: 'unwanted', kind: 'effect', runMs: 1 }))

  const handedBack = author.enqueue({ ref: 'handed-back', kind: 'effect', runMs: 1 })
  author.write('w1', { kind: 'handedBack', job: handedBack, seq: 0, attempt: 1 })
  author.run(handedBack, { outcome: 'completed', process: 'w2', after: 10 })

  const killed = author.enqueue({ ref: 'killed', kind: 'finalized', runMs: 1 })
  author.write('harness', { kind: 'did', action: 'kill', target: 'w2' }, 5)
  author.run(killed, { outcome: 'lost', process: 'w2', lasts: 1_200 })
  author.run(killed, { seq: -1, outcome: 'succeeded' })
  author.run(killed, { attempt: 2, outcome: 'completed' })
  author.run(killed, { seq: -2, outcome: 'succeeded' })
  return withTools(author.evidence())
}

function withTools({ entries, rows, setting }: Evidence): Evidence {
  const last = entries.at(-1)
  const own = cleanTools({ at: (last?.at ?? 0) + 1, wall: (last?.wall ?? epoch) + 1 })
  return {
    entries: [...entries, ...own.entries].sort((a, b) => a.at - b.at),
    rows: {
      ...rows,
      jobs: [...rows.jobs, ...own.jobs],
      done: [...rows.done, ...own.done],
      effects: [...rows.effects, ...own.effects],
      failures: [...rows.failures, ...own.failures],
      tools: own.tools,
    },
    setting,
  }
}
