import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mill, MillConfig } from '../../packages/millrace/src/index.ts'
import { check, describe } from './checker.ts'
import type { Violation } from './checks/violation.ts'
import type { Evidence, Setting } from './evidence.ts'
import { Ledger, readLedgers, type Entry, type Event } from './ledger.ts'
import { Producer } from './producer.ts'
import { Random } from './random.ts'
import { backlog, expiryOf, readRows, workerOf } from './rows.ts'
import type { Target } from './target.ts'
import { NotReached, until } from './until.ts'
import type { Work } from './work.ts'
import { openMill, type WorkloadArguments } from './workload-main.ts'
import type { Workload } from './workload.ts'
import { WorkloadProcess, type Launch } from './workload-process.ts'

export type StartOptions = Partial<Omit<WorkloadArguments, 'config' | 'ledgers' | 'name' | 'seed'>> & {
  readonly config?: MillConfig
  readonly launch?: Launch
}

export interface Here {
  readonly mill: Mill
  readonly workload: Workload
  readonly producer: Producer
  readonly ledger: Ledger
  enqueueAll(works: readonly Work[]): Promise<readonly string[]>
}

export interface Outcome {
  readonly evidence: Evidence
  readonly violations: readonly Violation[]
  /** What went wrong outside the invariants: a process that died by itself, or did not stop. */
  readonly failures: readonly string[]
  /** Both as text; empty when there is neither. */
  readonly report: string
}

export const leaseMs = 1_000
/** I-5: after the last fault everything ends within this. */
const drainBoundMs = 30_000
const stepBoundMs = 90_000
const stopBoundMs = 20_000

/** One run of the harness: its database, its processes, what it did to them, and in the end the verdict. */
export class Run {
  readonly target: Target
  readonly seed: number
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-ledgers-'))
  readonly #ledger: Ledger
  readonly #processes: WorkloadProcess[] = []
  readonly #here: { mill: Mill; ledger: Ledger }[] = []
  /** Asked to end. */
  readonly #told = new Set<WorkloadProcess>()
  #names = 0

  constructor(target: Target, seed = 1) {
    this.target = target
    this.seed = seed
    this.#ledger = new Ledger(this.#directory, 'harness')
  }

  get processes(): readonly WorkloadProcess[] {
    return this.#processes
  }

  entries(): readonly Entry[] {
    return readLedgers(this.#directory)
  }

  config(more: MillConfig = {}): MillConfig {
    const { storage = '', postgres = {} } = this.target.config
    return {
      storage,
      ...(this.target.kind === 'postgres' ? { postgres } : {}),
      lease: `${leaseMs}ms`,
      concurrency: 5,
      patience: '10 seconds',
      shutdown: '5 seconds',
      abortGrace: '1 second',
      ...more,
    }
  }

  /** What `start` will call the next process. */
  nameOfNext(name: string): string {
    return `${name}.${this.#names + 1}`
  }

  start(name: string, options: StartOptions = {}): WorkloadProcess {
    const full = this.nameOfNext(name)
    this.#names += 1
    const { config, launch, ...rest } = options
    const process = new WorkloadProcess(
      {
        works: true,
        produces: [],
        keeperThread: true,
        ...rest,
        name: full,
        ledgers: this.#directory,
        seed: this.seed,
        config: this.config(config),
      },
      launch,
    )
    this.#processes.push(process)
    return process
  }

  /** A clean worker inside this process: it takes over what others left. */
  async startHere(options: StartOptions = {}): Promise<Here> {
    this.#names += 1
    const ledger = new Ledger(this.#directory, `here.${this.#names}`)
    ledger.write({ kind: 'began', pid: process.pid, role: 'worker' })
    const { config, sabotage, knows, scope, works = true } = options
    const { mill, workload } = await openMill(
      {
        config: this.config(config),
        keeperThread: false,
        ...(sabotage === undefined ? {} : { sabotage }),
        ...(knows === undefined ? {} : { knows }),
        ...(scope === undefined ? {} : { scope }),
      },
      ledger,
    )
    this.#here.push({ mill, ledger })
    if (works) await mill.start()
    const producer = new Producer(mill, workload, ledger, new Random(ledger.process))
    return { mill, workload, producer, ledger, enqueueAll: (list) => producer.enqueueAll(list) }
  }

  kill(process: WorkloadProcess): Promise<void> {
    this.#did('kill', process.name)
    process.signal('SIGKILL')
    return process.gone
  }

  async freeze(process: WorkloadProcess): Promise<void> {
    this.#did('freeze', process.name)
    process.signal('SIGSTOP')
    await until(`${process.name} is frozen`, 5_000, () => process.isFrozen)
  }

  thaw(process: WorkloadProcess): void {
    this.#did('thaw', process.name)
    process.signal('SIGCONT')
  }

  terminate(process: WorkloadProcess): void {
    this.#told.add(process)
    this.#did('terminate', process.name)
    process.signal('SIGTERM')
  }

  /** Waits for a fact about one process; every process must live meanwhile, unless it was killed. */
  async reaches(
    process: WorkloadProcess,
    what: string,
    condition: () => boolean | Promise<boolean>,
    boundMs = stepBoundMs,
  ): Promise<void> {
    try {
      await until(`${process.name} ${what}`, boundMs, () => {
        for (const { failure } of this.#processes) if (failure !== null) throw new Error(failure)
        return condition()
      })
    } catch (error) {
      if (error instanceof NotReached) error.message += `\n${process.tail}`
      throw error
    }
  }

  /** To the database server, to its disk, or to the way there. */
  did(action: Exclude<(Event & { kind: 'did' })['action'], 'kill' | 'freeze' | 'thaw' | 'terminate'>): void {
    this.#did(action, null)
  }

  workerOf(process: WorkloadProcess): Promise<'alive' | 'expired' | 'gone'> {
    return workerOf(this.target.source, process.pid)
  }

  /** Until when its lease lasts, as epoch ms of the database; null: it has none. */
  expiryOf(process: WorkloadProcess): Promise<number | null> {
    return expiryOf(this.target.source, process.pid)
  }

  /** Whether everything that was ever due has ended within the bound; what is left shows as I-5. */
  async drain(boundMs = drainBoundMs): Promise<boolean> {
    try {
      await until(
        'nothing is queued, running or held',
        boundMs,
        async () => (await backlog(this.target.source)) === 0,
      )
      return true
    } catch {
      return false
    }
  }

  /** Stops every process in order; names those that would not. */
  async stop(): Promise<readonly string[]> {
    const failures: string[] = []
    for (const process of this.#processes) if (!process.isGone) this.terminate(process)
    await Promise.all([
      ...this.#here.splice(0).map(async ({ mill, ledger }) => {
        await mill.stop()
        ledger.close()
      }),
      ...this.#processes.map(async (process) => {
        try {
          await until(`${process.name} stops`, stopBoundMs, () => process.isGone)
        } catch (error) {
          failures.push(String(error))
          process.signal('SIGKILL')
        }
      }),
    ])
    return failures
  }

  /** Drains, stops all, reads the database and asks the checker. */
  async finish(setting: Partial<Setting> = {}): Promise<Outcome> {
    for (const process of this.#processes)
      if (!this.#told.has(process))
        await this.reaches(
          process,
          'has enqueued what it would',
          () => process.isGone || process.wrote('produced'),
        )
    await this.drain()
    const stuck = await this.stop()
    const evidence: Evidence = {
      entries: this.entries(),
      rows: await readRows(this.target.source),
      setting: {
        leaseMs,
        maxDeaths: 3,
        recoveryBoundMs: null,
        lapsesByItself: true,
        databaseFaults: false,
        prunable: new Set(),
        ...setting,
      },
    }
    const violations = check(evidence)
    const failures = [...stuck, ...this.#processes.flatMap(({ failure }) => failure ?? [])]
    const told = violations.length === 0 ? [] : [describe(violations, evidence)]
    return { evidence, violations, failures, report: [...failures, ...told].join('\n') }
  }

  /** Whatever happened: ends what runs, and removes database and ledgers. */
  async dispose(): Promise<void> {
    for (const process of this.#processes) if (!process.isGone) process.signal('SIGKILL')
    await Promise.all(this.#processes.map(({ gone }) => gone))
    for (const { mill } of this.#here.splice(0)) await mill.stop().catch(() => undefined)
    this.#ledger.close()
    rmSync(this.#directory, { recursive: true, force: true })
    await this.target.drop().catch(() => undefined)
  }

  #did(action: (Event & { kind: 'did' })['action'], target: string | null): void {
    this.#ledger.write({ kind: 'did', action, target })
  }
}
