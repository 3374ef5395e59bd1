import type { CreateScheduleOptions, Mill } from '../../packages/millrace/src/index.ts'
import type { Scheduled } from './ledger.ts'
import type { Random } from './random.ts'
import { fillItems, makeDueSince } from './rows.ts'
import type { Here, Run } from './run.ts'
import { until } from './until.ts'
import { batchKinds, type BatchKind, type Work } from './work.ts'

export interface ToolLoadOptions {
  /** In all batches together; each is in one of them. */
  readonly records: number
  /** Records of a chunk. */
  readonly scope: number
  /** How often a batch of each kind is begun. */
  readonly waves: number
}

const endBoundMs = 240_000
/** Bad records of a batch, each in a place of its own. */
const badOfBatch = 3
const mostTries = 10

/** Batches and schedules of a run, asked for by a process that nobody kills; whoever works runs them. */
export class ToolLoad {
  readonly #run: Run
  readonly #here: Here
  readonly #random: Random
  readonly #options: ToolLoadOptions
  readonly #schedules: Scheduled[] = []
  readonly #waves: Promise<unknown>[] = []
  #begun = 0

  private constructor(run: Run, here: Here, random: Random, options: ToolLoadOptions) {
    this.#run = run
    this.#here = here
    this.#random = random
    this.#options = options
  }

  /** Before any process works: some schedules have been due for minutes when the first one comes. */
  static async open(run: Run, random: Random, options: ToolLoadOptions): Promise<ToolLoad> {
    const here = await run.startHere({ works: false, scope: options.scope })
    const load = new ToolLoad(run, here, random, options)
    await load.#fill()
    await load.#schedule()
    return load
  }

  /** Begins the waves that are due when so much (0 to 1) of the run is through. */
  reached(part: number): void {
    while (this.#begun < this.#options.waves && this.#begun / this.#options.waves <= part) {
      const n = this.#begun
      this.#begun += 1
      const wave = Promise.all(
        batchKinds.map((kind, place) => this.#batch(kind, n * batchKinds.length + place)),
      )
      // It is looked at in the end.
      wave.catch(() => undefined)
      this.#waves.push(wave)
    }
  }

  /** Rejects when a batch does not end, or a schedule does not come to its times. */
  async finish(): Promise<void> {
    this.reached(1)
    await Promise.all(this.#waves)
    for (const schedule of this.#schedules) await unschedule(this.#here, schedule)
  }

  async #fill(): Promise<void> {
    const bad: number[] = []
    for (let n = 0; n < this.#options.waves * batchKinds.length; n += 1) {
      const { after, upTo } = this.#itemsOf(n)
      for (let times = 0; times < badOfBatch && upTo > after; times += 1)
        bad.push(this.#random.whole(after + 1, upTo))
    }
    await fillItems(this.#run.target.source, this.#options.records, bad)
  }

  #itemsOf(nth: number): { readonly after: number; readonly upTo: number } {
    const { records, waves } = this.#options
    const all = waves * batchKinds.length
    return { after: Math.floor((records * nth) / all), upTo: Math.floor((records * (nth + 1)) / all) }
  }

  async #batch(kind: BatchKind, nth: number): Promise<void> {
    const ref = `batch ${nth}`
    const work: Work = { ref, kind, runMs: 0, items: this.#itemsOf(nth), group: ref, limit: 1 }
    await runBatch(this.#here, work)
  }

  async #schedule(): Promise<void> {
    const now = Math.ceil(Date.now() / 2_000) * 2_000
    for (const asked of schedulesOf(now)) this.#schedules.push(await schedule(this.#run, this.#here, asked))
  }
}

/**
 * From the enqueue until nothing of it is set aside any more; between the tries its records are mended. A start that died with three
 * processes is parked, and has done nothing: then the batch is asked for anew.
 */
export async function runBatch(here: Here, work: Work): Promise<void> {
  for (let n = 1; n <= mostTries; n += 1) {
    const [job] = await here.producer.enqueueAll([{ ...work, ref: `${work.ref}.${n}` }])
    if (job === undefined) throw new Error(`${work.ref} could not be enqueued`)
    if (await completes(here.mill, job)) return retryAll(here, job, work)
  }
  throw new Error(`${work.ref} was parked ${mostTries} times`)
}

async function retryAll({ mill, producer, ledger }: Here, job: string, { items }: Work): Promise<void> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const { failed } = await mill.batches.failed(job, { limit: 1 })
    if (failed.length === 0) {
      ledger.write({ kind: 'allApplied', job })
      return
    }
    const { after = 0, upTo = 0 } = items ?? {}
    await mill.transaction(
      (tx) => tx.sql`update item set bad = 0 where id > ${after} and id <= ${upTo} and bad = 1`,
    )
    const again = await producer.retryFailed(job)
    if (again !== undefined) await completes(mill, again)
  }
  throw new Error(`records of ${job} are still set aside after ${mostTries} tries`)
}

/** False: its start was parked. */
async function completes(mill: Mill, job: string): Promise<boolean> {
  const { status, error, progress } = await until(`${job} ends`, endBoundMs, async () => {
    const view = await mill.jobs.get(job)
    return view.finishedAt !== null && view
  })
  if (status === 'Completed') return true
  if (error?.code === 'MILL_PARKED' && progress === null) return false
  throw new Error(`${job} is ${status}: ${error?.message ?? ''}`)
}

export interface AskedSchedule extends Omit<Scheduled, 'id'> {
  readonly cron?: string
  /** How long its jobs take. */
  readonly runMs: number
  /** Nobody was there to fire it since its first time. */
  readonly isLate?: true
}

/** One for each policy; `now` is an even second. */
export function schedulesOf(now: number): AskedSchedule[] {
  const late = { everyMs: 7_000, first: now - 300_000, overlap: 'allow', runMs: 1, isLate: true } as const
  const soon = { first: now + 2_000, misfire: 'fireAll' } as const
  return [
    { name: 'every', everyMs: 1_000, overlap: 'allow', runMs: 5, ...soon },
    { name: 'cron', everyMs: 2_000, cron: '*/2 * * * * ?', overlap: 'skip', runMs: 200, ...soon },
    { name: 'queued', everyMs: 2_000, overlap: 'queue', runMs: 20, ...soon },
    { name: 'cancelled', everyMs: 2_000, overlap: 'cancelPrevious', runMs: 1_900, ...soon },
    { name: 'late-once', misfire: 'fireOnce', ...late },
    { name: 'late-none', misfire: 'skip', ...late },
    { name: 'late-all', misfire: 'fireAll', ...late },
  ]
}

export async function schedule(
  { target }: Run,
  { mill, ledger, workload }: Here,
  { cron, runMs, isLate, ...asked }: AskedSchedule,
): Promise<Scheduled> {
  const { name, first, everyMs, overlap, misfire } = asked
  const isAlone = overlap === 'skip' || overlap === 'queue'
  // Each of its own, so that long jobs of one do not count against the others.
  const tenant = name
  const input: Work = {
    ref: name,
    kind: 'scheduled',
    runMs,
    tenant,
    ...(isAlone ? { group: name, limit: 1 } : {}),
  }
  const times: Pick<CreateScheduleOptions, 'cron' | 'timeZone' | 'every'> =
    cron === undefined ? { every: `${everyMs}ms` } : { cron, timeZone: 'America/New_York' }
  const { id } = await mill.schedules.create({
    ...{
      name,
      tenant,
      runs: workload.definitions.scheduled,
      input,
      overlap,
      misfire,
      start: new Date(first),
    },
    ...times,
  })
  if (isLate) await makeDueSince(target.source, id, first)
  const scheduled: Scheduled = { id, name, first, everyMs, overlap, misfire }
  ledger.write({ kind: 'scheduled', ...scheduled })
  return scheduled
}

/** It has come to its times up to now, and none of them still waits; from then on it fires no more. */
export async function unschedule({ mill, ledger }: Here, { id, name }: Scheduled): Promise<void> {
  const upTo = Date.now()
  const of = { tenant: name }
  await until(`schedule ${name} has come to its times, and none of them waits`, endBoundMs, async () => {
    const { nextFire, queued } = await mill.schedules.get(name, of)
    if (nextFire === null || nextFire.getTime() <= upTo || queued > 0) return false
    await mill.schedules.pause(name, of)
    if ((await mill.schedules.get(name, of)).queued === 0) return true
    await mill.schedules.resume(name, of)
    return false
  })
  ledger.write({ kind: 'unscheduled', schedule: id, upTo })
}
