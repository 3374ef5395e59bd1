import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { isMillraceError, type MillConfig } from '../../packages/millrace/src/index.ts'
import { release } from '../../packages/millrace/src/mill/release.ts'
import { openSqlite } from '../../packages/millrace/src/kernel/sqlite/open.ts'
import type { Storage } from '../../packages/millrace/src/kernel/storage/storage.ts'
import type { Wake } from '../../packages/millrace/src/kernel/storage/wakeups.ts'
import { assemble } from '../../packages/millrace/src/mill/create-mill.ts'
import type { Entry } from '../torture/ledger.ts'
import { Random } from '../torture/random.ts'
import { kinds } from '../torture/work.ts'
import { Workload } from '../torture/workload.ts'
import { Faults } from './faults.ts'
import type { Place } from './place.ts'
import { enter, epoch, SimProcess } from './process.ts'
import { sabotagedProcess, sabotagedStorage, type Sabotage } from './sabotage.ts'
import { Scheduler, type Owner } from './scheduler.ts'
import { storageOf, type OpenTransactions, type StorageWorld } from './storage.ts'
import { drawSteps, perform } from './workload.ts'

/** From the first enqueue until the world heals, ms of the world. */
const troubleMs = 2_500
/** I-5: when faults stop, everything that is due ends within this. */
export const drainBoundMs = 10_000
/** And every process stops within this. */
export const stopBoundMs = 10_000
const retentionMs = 60_000

const database: Owner = { name: 'database', isDead: false, frozenUntil: 0 }
const fate: Owner = { name: 'fate', isDead: false, frozenUntil: 0 }

/** Several processes over one database, in one event loop, under one seed. */
export class World {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly faults: Faults
  readonly entries: Entry[] = []
  readonly leaseMs: number
  readonly #place: Place
  readonly #sabotage: Sabotage | null
  readonly #random: Random
  readonly #config: MillConfig
  readonly #line: StorageWorld
  readonly #wakesSayLittle: boolean
  readonly #workers: number
  readonly #jobs = new Map<string, string>()
  readonly #processes: SimProcess[] = []
  readonly #transactions = new Map<SimProcess, OpenTransactions>()
  #shared!: Storage
  #backlog!: StatementSync
  #reader!: DatabaseSync
  #names = 0
  #stepsLeft = 0
  #databaseAheadMs = 0

  constructor(seed: number, place: Place, sabotage: Sabotage | null) {
    this.seed = seed
    this.#place = place
    this.#sabotage = sabotage
    const random = (this.#random = new Random(`${seed}/world`))
    this.scheduler = new Scheduler(new Random(`${seed}/order`))
    this.faults = new Faults(new Random(`${seed}/faults`))
    this.leaseMs = random.pick([450, 900, 1_500])
    this.#workers = random.whole(2, 4)
    this.#wakesSayLittle = random.chance(0.3)
    this.#line = {
      scheduler: this.scheduler,
      faults: this.faults,
      random: new Random(`${seed}/line`),
      leaseMs: this.leaseMs,
      latencyMs: random.pick([0, 0.3, 2, 8]),
      onLate: (process) => this.#did('freeze', process),
    }
    this.#config = {
      storage: 'sqlite::memory:',
      lease: `${this.leaseMs}ms`,
      concurrency: random.pick([1, 2, 5]),
      shutdown: '1 second',
      abortGrace: '200ms',
      patience: '5 seconds',
      retention: { completed: `${retentionMs}ms`, failed: `${retentionMs}ms` },
      log: { level: 'ERROR', sink: () => undefined },
    }
  }

  get jobs(): number {
    return this.#jobs.size
  }

  async open(): Promise<void> {
    const { file } = this.#place
    this.#place.reset()
    const { scheduler } = this
    const shared = await openSqlite({
      path: file,
      release,
      synchronous: 'NORMAL',
      now: () => epoch + scheduler.now + this.#databaseAheadMs,
      after: (ms, call) => scheduler.add(database, ms, 'timer', call),
      soon: (call) => void scheduler.add(database, 0, 'turn', call),
    })
    this.#shared = this.#sabotage === null ? shared : sabotagedStorage(shared, this.#sabotage, file)
    shared.wakeups.subscribe((wake) => this.#spread(wake))
    this.#reader = new DatabaseSync(file, { readOnly: true })
    const tables = ['ready', 'waiting', 'lease', 'abort']
    this.#backlog = this.#reader.prepare(
      `select ${tables.map((table) => `exists (select 1 from millrace_${table})`).join(' or ')} as left`,
    )
  }

  async close(): Promise<void> {
    this.#reader.close()
    await this.#shared.close()
  }

  /** Work under faults until the time of trouble is over, and what was planned for it. */
  async trouble(): Promise<void> {
    await this.#boot('producer')
    for (let n = 0; n < this.#workers; n += 1) await this.#boot('worker')
    for (const step of drawSteps(new Random(`${this.seed}/steps`), troubleMs * 0.7)) {
      this.#stepsLeft += 1
      const take = (): void => {
        const producer = this.#processes.find(({ role, isDead }) => role === 'producer' && !isDead)
        if (producer === undefined || producer.frozenUntil > this.scheduler.now) {
          this.scheduler.add(fate, 50, 'waits for a producer', take)
          return
        }
        this.#stepsLeft -= 1
        producer.busy += 1
        void perform(producer, step, this.#jobs).finally(() => (producer.busy -= 1))
      }
      this.scheduler.add(fate, step.at, step.op, take)
    }
    this.#plan('crash', [1, 4], () => this.#crash())
    this.#plan('zombie', [1, 3], () => this.#freeze())
    this.#plan('clockJump', [1, 3], () => this.#jump())
    await this.scheduler.run(() => false, troubleMs)
  }

  /** No fault from here on; whether everything that is due ended within the bound. */
  async heal(): Promise<boolean> {
    this.faults.heal()
    const living = this.#processes.filter(({ isDead }) => !isDead)
    for (const process of living) process.frozenUntil = Math.min(process.frozenUntil, this.scheduler.now)
    if (!living.some(({ role }) => role === 'producer')) await this.#boot('producer')
    this.#resume()
    let look = 0
    const isDone = (): boolean => {
      look += 1
      if (look % 8 !== 0 || this.#stepsLeft > 0) return false
      return this.#processes.every(({ isDead, busy }) => isDead || busy === 0) && this.#drained()
    }
    return this.scheduler.run(isDone, drainBoundMs)
  }

  /** Whether every process stopped in order within the bound. */
  async stop(): Promise<boolean> {
    const living = this.#processes.filter(({ isDead }) => !isDead)
    let left = living.length
    for (const { mill } of living) void mill?.stop().finally(() => (left -= 1))
    return this.scheduler.run(() => left === 0, stopBoundMs)
  }

  /** All that ended is long ago now; a last worker comes and goes, whose pruner deletes it. */
  async prune(): Promise<void> {
    this.#databaseAheadMs = 2 * retentionMs
    const worker = await this.#boot('worker')
    await this.scheduler.run(() => false, 200)
    worker.isDead = true
  }

  #drained(): boolean {
    return this.#backlog.get()?.['left'] === 0
  }

  /** Again and again: a pause may still be on its way. */
  #resume(): void {
    void this.#shared.controls.resume({ kind: 'queue', value: 'bulk' })
    this.scheduler.add(fate, 500, 'resumes', () => this.#resume())
  }

  /** A few times, somewhere in the time of trouble. */
  #plan(
    fault: 'crash' | 'zombie' | 'clockJump',
    [least, most]: readonly [number, number],
    call: () => void,
  ): void {
    if (!this.faults.has(fault)) return
    for (let n = this.#random.whole(least, most); n > 0; n -= 1)
      this.scheduler.add(fate, this.#random.whole(0, troubleMs - 1), fault, call)
  }

  async #boot(role: 'worker' | 'producer'): Promise<SimProcess> {
    this.#names += 1
    const process = new SimProcess(`${role}.${this.#names}`, role, this)
    const open: OpenTransactions = new Set()
    this.#processes.push(process)
    this.#transactions.set(process, open)
    process.write({ kind: 'began', pid: this.#names, role })
    const workload = new Workload(process, { after: (ms, call) => process.clock.after(ms, call) })
    const mill = await assemble(
      { ...this.#config, definitions: kinds.map((kind) => workload.definitions[kind]) },
      {
        clock: process.clock,
        chance: process.chance,
        wrapStorage: (own) => {
          void own.close()
          const storage = storageOf(this.#shared, this.#line, process, open)
          return this.#sabotage === null
            ? storage
            : sabotagedProcess(
                storage,
                this.#sabotage,
                (ms, call) => void this.scheduler.add(process, ms, 'sabotage', call),
              )
        },
      },
    )
    workload.attach(mill)
    process.mill = mill
    process.workload = workload
    if (role === 'worker') this.#start(process)
    return process
  }

  /** As a supervisor would. */
  #start(process: SimProcess): void {
    process.mill?.start().catch((error: unknown) => {
      if (isMillraceError(error, 'MILL_STORAGE_CLOSED')) return
      this.scheduler.add(process, 100, 'starts again', () => this.#start(process))
    })
  }

  #victim(): SimProcess | undefined {
    const living = this.#processes.filter(
      ({ isDead, frozenUntil }) => !isDead && frozenUntil <= this.scheduler.now,
    )
    return living.length === 0 ? undefined : this.#random.pick(living)
  }

  /** Nothing that it does later reaches the database; what it had open there is rolled back, as by an operating system. */
  #crash(): void {
    const victim = this.#victim()
    if (victim === undefined) return
    this.faults.count('crash')
    this.#did('kill', victim)
    victim.isDead = true
    for (const transaction of this.#transactions.get(victim) ?? []) void transaction.rollback()
    this.scheduler.add(fate, this.#random.pick([0, 100, 1_000]), `boots a ${victim.role}`, async () => {
      await this.#boot(victim.role)
    })
  }

  /** Stands still for longer than its lease lasts: timers, wakes and answers reach it when it goes on. */
  #freeze(): void {
    const victim = this.#victim()
    if (victim === undefined) return
    this.faults.count('zombie')
    this.#did('freeze', victim)
    victim.frozenUntil = this.scheduler.now + this.leaseMs * (1.1 + 2 * this.#random.next())
  }

  #jump(): void {
    const victim = this.#victim()
    if (victim === undefined) return
    this.faults.count('clockJump')
    victim.jumpClock(this.#random.pick([-7_200_000, -30_000, -1_000, 1_000, 30_000, 7_200_000]))
  }

  #did(action: 'kill' | 'freeze', { name }: SimProcess): void {
    enter(this.entries, this.scheduler.now, 'fate', { kind: 'did', action, target: name })
  }

  /** Hints travel to each process on their own. */
  #spread(wake: Wake): void {
    const told: Wake = this.#wakesSayLittle ? { topic: 'rescan' } : wake
    for (const process of this.#processes) {
      if (process.listeners.size === 0 || this.faults.strikes('lostWake', 0.1)) continue
      const times = this.faults.strikes('doubledWake', 0.05) ? 2 : 1
      for (let n = 0; n < times; n += 1)
        this.scheduler.add(
          process,
          this.#random.next() * 4 * this.#line.latencyMs,
          `hears ${told.topic}`,
          () => {
            for (const listener of process.listeners) listener(told)
          },
        )
    }
  }
}
