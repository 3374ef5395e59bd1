import { isMillraceError, type EnqueueOptions, type Mill } from '../../packages/millrace/src/index.ts'
import { machineNow, type Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import { payloadOf } from './rich-value.ts'
import type { Work } from './work.ts'
import type { Workload } from './workload.ts'

const tenants = ['ada', 'bob', 'cyd', 'dee']
const atOnce = 5

/** Refused before anything was written, and whatever follows says so. */
const refusals = new Set([
  'MILL_DUPLICATE',
  'MILL_INPUT_INVALID',
  'MILL_TRANSACTION_LOST',
  'MILL_STORAGE_QUERY',
  'MILL_OPTIONS_INVALID',
  'MILL_BATCH_NOTHING_FAILED',
])

class RolledBack extends Error {}

/** Enqueues through the public face, and writes down each call and its answer. */
export class Producer {
  readonly #mill: Mill
  readonly #workload: Workload
  readonly #ledger: Ledger
  readonly #random: Random
  #calls = 0
  #refs = 0
  #open = true
  #loops: Promise<void>[] = []

  constructor(mill: Mill, workload: Workload, ledger: Ledger, random: Random) {
    this.#mill = mill
    this.#workload = workload
    this.#ledger = ledger
    this.#random = random
  }

  /** Produces until `stop`. Each of a few loops waits for some of its jobs, so that the backlog stays bounded. */
  start(): void {
    for (let n = 0; n < atOnce; n += 1) this.#loops.push(this.#loop())
  }

  async stop(): Promise<void> {
    this.#open = false
    await Promise.all(this.#loops)
    this.#loops = []
  }

  /** One enqueue of each, all at once; the ids of the jobs. */
  async enqueueAll(works: readonly Work[]): Promise<readonly string[]> {
    return (await Promise.all(works.map((work) => this.#enqueue(work)))).flat()
  }

  /** What a batch has set aside, once more. */
  async retryFailed(job: string): Promise<string | undefined> {
    const jobs = await this.#call(
      'retryFailed',
      [],
      async () => ({
        jobs: [(await this.#mill.batches.retryFailed(job)).id],
      }),
      job,
    )
    return jobs[0]
  }

  async #loop(): Promise<void> {
    while (this.#open) {
      const jobs = await this.#step()
      const [job] = jobs
      if (job === undefined) continue
      await this.#look(job)
      try {
        await this.#mill.job(job).completed({ timeout: this.#random.chance(0.7) ? '3 seconds' : '20ms' })
      } catch {
        // It failed, was aborted, or is not done: all the same here.
      }
      await this.#look(job)
      if (this.#random.chance(0.1)) await this.#list()
    }
  }

  #step(): Promise<readonly string[]> {
    const random = this.#random
    const die = random.next()
    const work = this.#draw()
    if (die < 0.08) return this.#many(work)
    if (die < 0.2) return this.#transaction(work, random.chance(0.3))
    if (die < 0.27) return this.#aborted(work)
    return this.#enqueue(work)
  }

  #draw(): Work {
    const random = this.#random
    this.#refs += 1
    const base = {
      ref: `${this.#ledger.process}:${this.#refs}`,
      runMs: random.chance(0.1) ? random.whole(50, 250) : random.whole(0, 12),
      tenant: random.pick(tenants),
      ...(random.chance(0.3) ? { queue: 'bulk' } : {}),
      ...(random.chance(0.3) ? { rich: random.whole(0, 99) } : {}),
      ...(random.chance(0.3) ? { priority: random.whole(0, 9) } : {}),
    }
    const die = random.next()
    if (die < 0.2) return { ...base, kind: 'plain' }
    if (die < 0.35) return { ...base, kind: 'effect' }
    if (die < 0.45) return { ...base, kind: 'effect', fails: random.whole(1, 2) }
    if (die < 0.6)
      return {
        ...base,
        kind: 'finalized',
        fails: random.whole(0, 1),
        finalChild: random.chance(0.5),
        quiet: random.chance(0.3),
      }
    if (die < 0.7) return { ...base, kind: 'effect', children: random.whole(1, 3) }
    if (die < 0.8) return { ...base, kind: 'effect', unique: `key ${random.whole(1, 4)}` }
    if (die < 0.9) return { ...base, kind: 'limited', group: `group ${random.whole(1, 3)}`, limit: 2 }
    return random.chance(0.5)
      ? { ...base, kind: 'effect', delayMs: random.whole(1, 600) }
      : { ...base, kind: 'plain', runAt: Date.now() + random.whole(1, 600) }
  }

  async #enqueue(work: Work): Promise<readonly string[]> {
    return this.#call('enqueue', [work], async () => {
      const job = await this.#mill.enqueue(
        this.#workload.definitions[work.kind],
        payloadOf(work),
        optionsOf(work),
      )
      return { jobs: [job.id], ...(job.duplicate ? { duplicate: true as const } : {}) }
    })
  }

  #many(like: Work): Promise<readonly string[]> {
    const { tenant, ...rest } = like
    const works = [1, 2, 3, 4].map((n): Work => {
      const work: Work = { ref: `${rest.ref}.${n}`, kind: 'effect', runMs: rest.runMs }
      return tenant === undefined ? work : { ...work, tenant }
    })
    return this.#call('many', works, async () => ({
      jobs: await this.#mill.enqueueMany(
        this.#workload.definitions.effect,
        works,
        tenant === undefined ? {} : { tenant },
      ),
    }))
  }

  #transaction(work: Work, rollsBack: boolean): Promise<readonly string[]> {
    const { unique: _unique, ...plain } = work
    return this.#call('transaction', [plain], () =>
      this.#mill.transaction(async (tx) => {
        await tx.sql`insert into app (ref) values (${plain.ref})`
        const job = await tx.enqueue(
          this.#workload.definitions[plain.kind],
          payloadOf(plain),
          optionsOf(plain),
        )
        if (rollsBack) throw new RolledBack()
        return { jobs: [job.id] }
      }),
    )
  }

  async #aborted(work: Work): Promise<readonly string[]> {
    const [job] = await this.#enqueue(work)
    if (job === undefined) return []
    this.#calls += 1
    const call = this.#calls
    this.#ledger.write({ kind: 'call', call, op: 'abort', works: [], job })
    try {
      this.#ledger.write({ kind: 'ok', call, jobs: [], answer: await this.#mill.jobs.abort(job) })
    } catch (error) {
      this.#ledger.write({ kind: 'unknown', call, code: codeOf(error) })
    }
    return [job]
  }

  async #call(
    op: 'enqueue' | 'many' | 'transaction' | 'retryFailed',
    works: readonly Work[],
    make: () => Promise<{ readonly jobs: readonly string[]; readonly duplicate?: true }>,
    about?: string,
  ): Promise<readonly string[]> {
    this.#calls += 1
    const call = this.#calls
    this.#ledger.write({ kind: 'call', call, op, works, ...(about === undefined ? {} : { job: about }) })
    try {
      const { jobs, duplicate } = await make()
      this.#ledger.write({ kind: 'ok', call, jobs, ...(duplicate === undefined ? {} : { duplicate }) })
      return jobs
    } catch (error) {
      const code = codeOf(error)
      const isRefused = error instanceof RolledBack || refusals.has(code) || isSurelyFull(error)
      this.#ledger.write({ kind: isRefused ? 'fail' : 'unknown', call, code })
      return []
    }
  }

  async #list(): Promise<void> {
    const tenant = this.#random.pick(tenants)
    try {
      const { jobs } = await this.#mill.jobs.list({ tenant, limit: 50 })
      this.#ledger.write({ kind: 'listed', tenant, jobs: jobs.map(({ id }) => id) })
    } catch {
      // The database is away.
    }
  }

  async #look(job: string): Promise<void> {
    const from = machineNow()
    try {
      const { status } = await this.#mill.jobs.get(job)
      this.#ledger.write({ kind: 'seen', job, from, status })
    } catch {
      // The database is away; the look is nothing the checker needs.
    }
  }
}

function optionsOf({ tenant, queue, priority, delayMs, runAt, unique }: Work): EnqueueOptions {
  return {
    ...(tenant === undefined ? {} : { tenant }),
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(delayMs === undefined ? {} : { delay: `${delayMs}ms` }),
    ...(runAt === undefined ? {} : { runAt: new Date(runAt) }),
    ...(unique === undefined ? {} : { unique: { key: unique, until: 'done', on: 'return' } }),
  }
}

/** No try of it got onto the full disk. */
function isSurelyFull(error: unknown): boolean {
  return isMillraceError(error, 'MILL_STORAGE_FULL') && error.data['unknown'] !== true
}

function codeOf(error: unknown): string {
  return isMillraceError(error) ? error.code : error instanceof RolledBack ? 'rolled back' : String(error)
}
