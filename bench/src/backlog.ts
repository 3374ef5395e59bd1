import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { Place } from './contestant.ts'
import { payload } from './payload.ts'
import { ask } from './postgres.ts'
import { openPostgres } from '../../packages/millrace/src/kernel/postgres/open.ts'
import type { WorkerId } from '../../packages/millrace/src/kernel/rules/execution.ts'
import { order } from '../../packages/millrace/src/kernel/rules/fair-order.ts'
import { createIdSource } from '../../packages/millrace/src/kernel/rules/ids.ts'
import { LaneQueue } from '../../packages/millrace/src/kernel/rules/lane-queue.ts'
import { createVirtualTimes } from '../../packages/millrace/src/kernel/rules/virtual-times.ts'
import { ActiveLanes } from '../../packages/millrace/src/kernel/runtime/active-lanes.ts'
import { LaneCache } from '../../packages/millrace/src/kernel/runtime/lane-cache.ts'
import { openSqlite } from '../../packages/millrace/src/kernel/sqlite/open.ts'
import type { ClaimedBatch } from '../../packages/millrace/src/kernel/storage/executions.ts'
import type { Storage } from '../../packages/millrace/src/kernel/storage/storage.ts'
import { release } from '../../packages/millrace/src/mill/release.ts'

export interface TimedClaim {
  readonly ms: number
  /** Of these, choosing the lanes in the worker. */
  readonly choosingMs: number
  readonly batch: ClaimedBatch
}

const scanEveryMs = 1_000
const leaseMs = 3_600_000

/** A queue of any depth, and the claims of one worker on it: its lanes, its fair order and its scans, without its handlers. */
export class Backlog {
  /** What each scan for lanes took, in ms. */
  readonly scans: number[] = []
  readonly #storage: Storage
  readonly #place: Place
  readonly #worker: WorkerId
  readonly #cache: LaneCache
  readonly #active: ActiveLanes
  readonly #times = createVirtualTimes()
  readonly #queue = new LaneQueue(this.#times)
  readonly #newId = createIdSource(Date.now, randomBytes)
  #scanAt = 0

  private constructor(storage: Storage, place: Place, worker: WorkerId) {
    this.#storage = storage
    this.#place = place
    this.#worker = worker
    this.#cache = new LaneCache(storage.lanes)
    this.#active = new ActiveLanes(this.#cache, this.#queue, () => true)
  }

  static async open(place: Place, tenants: number): Promise<Backlog> {
    const storage =
      place.postgres === ''
        ? await openSqlite({ path: place.sqlite, release })
        : await openPostgres({ url: place.postgres, release })
    await storage.schema.migrate()
    const lanes = Array.from({ length: tenants }, (_, n) => ({
      ...{ tenant: `tenant-${n}`, queue: 'default', name: 'nothing', version: 1, gated: false },
    }))
    await storage.lanes.intern(lanes)
    const spec = { host: 'bench', pid: process.pid, release, knows: ['nothing@1'], queues: null }
    return new Backlog(storage, place, await storage.workers.register(spec, leaseMs))
  }

  /** Rows older than any job that is enqueued later, spread over the lanes. */
  async fill(rows: number): Promise<void> {
    const text = JSON.stringify(payload(0))
    if (this.#place.postgres !== '') return void (await ask(this.#place.postgres, fillPostgres, [rows, text]))
    const db = new DatabaseSync(this.#place.sqlite)
    db.exec('begin')
    for (const statement of fillSqlite) db.prepare(statement).run({ rows, text })
    db.exec('commit')
    db.close()
  }

  /** As the worker's claimer makes them; the time is that of choosing the lanes and of the claim, not of the scan. */
  async claim(rows: number): Promise<TimedClaim> {
    await this.#scanWhenDue()
    const begun = performance.now()
    await this.#active.read()
    const quotas = order(this.#queue.tenants(), { total: rows, queues: new Map() })
    const before = this.#active.wakesOf(quotas)
    const choosingMs = performance.now() - begun
    const batch = await this.#storage.executions.claim({ worker: this.#worker, quotas, free: 0 })
    this.#active.claimed(quotas, batch?.members ?? [], before)
    const ms = performance.now() - begun
    // A tenant may have fewer rows than it was asked for; many fewer would be another measurement.
    if (batch === null || batch.members.length < rows / 2) {
      throw new Error(`a claim of ${rows} took ${batch?.members.length ?? 0}`)
    }
    for (const { lane } of batch.members) this.#times.charge(this.#cache.get(lane)?.tenant ?? '', 0.1)
    return { ms, choosingMs, batch }
  }

  /** The lease ends, and as many jobs are enqueued as it held: the queue stays as deep as it was. */
  async replace({ batch }: TimedClaim): Promise<void> {
    await this.#storage.executions.settle([], [{ lease: batch.lease, running: [], finished: true }])
    const jobs = batch.members.map(({ lane }) => ({
      ...{
        id: this.#newId(),
        lane,
        prio: 5,
        parent: null,
        options: null,
        payload: JSON.stringify(payload(0)),
      },
      ...{ due: null, unique: null, args: [] },
    }))
    await this.#storage.jobs.enqueue(jobs)
    this.#active.wake([...new Set(jobs.map(({ lane }) => lane))])
    await this.#active.read()
  }

  close(): Promise<void> {
    return this.#storage.close()
  }

  async #scanWhenDue(): Promise<void> {
    if (performance.now() < this.#scanAt) return
    const begun = performance.now()
    const before = this.#active.wakes
    this.#active.replace(await this.#storage.lanes.heads(), before)
    this.scans.push(performance.now() - begun)
    await this.#active.read()
    this.#scanAt = performance.now() + scanEveryMs
  }
}

const fillPostgres = `with made as (
    select overlay(overlay(md5(n::text) placing lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 90000000 + n / 100), 12, '0') from 1) placing '7' from 13)::uuid as id,
      first.lane + n % first.lanes as lane
    from generate_series(1, $1::int) n, (select min(id) as lane, count(*)::int as lanes from millrace.lane) first
  ), job as (
    insert into millrace.job (id, lane, prio, payload) select id, lane, 5, $2 from made
  )
  insert into millrace.ready (lane, prio, care, job, seq, attempt) select lane, 5, 0, id, 0, 1 from made`

const numbers = `with recursive n (n) as (select 1 union all select n + 1 from n where n < :rows)`

const fillSqlite = [
  `${numbers}
   insert into millrace_job (id, lane, prio, created, payload)
   select printf('%08x-%04x-7%03x-8%03x-%012x', 26000000 + (n >> 16), n & 65535, 0, 0, random() & 281474976710655),
     (select min(id) from millrace_lane) + n % (select count(*) from millrace_lane), 5, 0, :text
   from n`,
  `insert into millrace_ready (lane, prio, job, seq, attempt, care)
   select lane, 5, id, 0, 1, 0 from millrace_job where :rows > 0 and :text <> '' order by lane, id`,
]
