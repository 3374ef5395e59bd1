import { parseDuration, type Duration } from '../kernel/rules/duration.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import type { FlagSource } from '../govern/flags/flags.ts'
import type { LogEntry } from '../observe/log/entry.ts'
import type { LogLevel } from '../observe/log/level.ts'
import type { MillConfig } from '../mill/config.ts'
import { assembleParts } from '../mill/create-mill.ts'
import type { Job } from '../mill/job.ts'
import type { Jobs } from '../mill/jobs.ts'
import { Mill, type MillParts } from '../mill/mill.ts'
import type { MillTransaction } from '../mill/transaction.ts'
import type { Records, Soql } from '../records/records.ts'
import type { Definition, InputOf, OutputOf } from '../tools/definition.ts'
import type { EnqueueOptions } from '../tools/enqueue-options.ts'
import { enqueued, type Enqueued } from './enqueued.ts'
import { Engine, turn } from './engine.ts'
import { firstFailure, Observation, ThrownErrors, type JobOutcome } from './outcome.ts'
import { repeatableChance } from './repeatable-chance.ts'
import { VirtualClock } from './virtual-clock.ts'

type SharedConfig = Pick<
  MillConfig,
  | 'definitions'
  | 'concurrency'
  | 'queues'
  | 'only'
  | 'tenants'
  | 'flexQueue'
  | 'timeout'
  | 'abortGrace'
  | 'retention'
  | 'maxPayloadBytes'
  | 'maxResultBytes'
  | 'records'
  | 'environment'
>

export interface TestMillOptions extends SharedConfig {
  /** Where the virtual clock starts. Default: the time of the call. */
  readonly now?: Date
  /** A function, or flags by name; an object may be changed by the test at any time. */
  readonly flags?: FlagSource | Readonly<Record<string, boolean>>
  /** Entries below are not captured. Default FINEST: everything is. */
  readonly logLevel?: LogLevel
}

export interface DrainOptions {
  /** Reject with the error of the first job whose last attempt failed, also when a retry follows later. Default true. */
  readonly throwOnFailure?: boolean
  /** Executions after which it gives up with MILL_DEPTH_EXCEEDED, so that work without end is named. Default 100,000. */
  readonly maxExecutions?: number
}

/** Turns of the event loop between two steps of the clock while a handler runs: enough to write its end, if a timer ended it. */
const turnsPerStep = 10

/**
 * A Millrace for tests: the real engine over a database in memory, whose time stands still. Nothing runs before `drain()` or
 * `advance()`, so that a test sees what was enqueued before it sees what it did (semantics T-01).
 */
export class TestMill {
  /** The same installation, for code under test that takes a Mill. Nobody needs to start it. */
  readonly mill: Mill
  /** Virtual time: `now()` in epoch ms, the engine's and the database's. */
  readonly clock: { now(): number }
  /** Every log entry since the start, of handlers and of the engine, oldest first. */
  readonly logs: readonly LogEntry[]
  readonly #parts: MillParts
  readonly #clock: VirtualClock
  readonly #engine: Engine
  readonly #thrown: ThrownErrors
  /** Resolves when the last drain or advance asked for has ended. */
  #last: Promise<unknown> = Promise.resolve()
  #running = 0

  constructor(parts: MillParts, clock: VirtualClock, logs: readonly LogEntry[]) {
    this.#parts = parts
    this.#clock = clock
    this.#engine = new Engine(parts)
    this.#thrown = rememberThrown(parts)
    this.mill = new Mill(parts)
    this.clock = clock
    this.logs = logs
  }

  /** As `mill.records` and `mill.soql`; handlers use those of `ctx`. */
  get records(): Records {
    return this.mill.records
  }

  get soql(): Soql {
    return this.mill.soql
  }

  get jobs(): Jobs {
    return this.mill.jobs
  }

  /** As `mill.enqueue`: it waits for the next drain. */
  enqueue<D extends Definition>(
    definition: D,
    input: InputOf<D>,
    options: EnqueueOptions = {},
  ): Promise<Job<OutputOf<D>>> {
    return this.mill.enqueue(definition, input, options)
  }

  enqueueMany<D extends Definition>(
    definition: D,
    inputs: Iterable<InputOf<D>> | AsyncIterable<InputOf<D>>,
    options: Omit<EnqueueOptions, 'unique'> = {},
  ): Promise<readonly string[]> {
    return this.mill.enqueueMany(definition, inputs, options)
  }

  transaction<T>(work: (tx: MillTransaction) => Promise<T>): Promise<T> {
    return this.mill.transaction(work)
  }

  /** One statement in a transaction of its own; handlers use `ctx.sql`. */
  sql<Row extends object = Record<string, unknown>>(
    segments: TemplateStringsArray,
    ...values: readonly unknown[]
  ): Promise<Row[]> {
    return this.mill.transaction((tx) => tx.sql<Row>(segments, ...values))
  }

  /** What was enqueued so far, or of this definition, oldest first: input, options and what has become of it. */
  enqueued(): Promise<Enqueued[]>
  enqueued<D extends Definition>(definition: D): Promise<Enqueued<InputOf<D>>[]>
  enqueued(definition?: Definition): Promise<Enqueued[]> {
    return enqueued(this.#parts, definition)
  }

  /**
   * Runs everything that is due now, with children, finalizers and retries that are due now, until nothing is. Time does not pass:
   * what is due later stays. Rejects with the first failure's error (semantics T-02), once the rest has run, unless `throwOnFailure` is
   * false; resolves with what became of each job that ran.
   */
  drain(options: DrainOptions = {}): Promise<JobOutcome[]> {
    return this.#alone(options, (run) => run())
  }

  /**
   * Drains, then lets time pass: stops at every instant at which something comes due, and drains there. A failed attempt whose retry
   * succeeds within that time is no failure. While a drain that was not awaited runs a handler, only time passes, so that
   * a timeout can fire.
   */
  async advance(duration: Duration, options: DrainOptions = {}): Promise<JobOutcome[]> {
    const until = this.#clock.now() + parseDuration(duration, 'advance')
    while (this.#running > 0 && this.#clock.now() < until) {
      if (this.#engine.occupied) this.#clock.moveTo(Math.min(until, this.#clock.next))
      for (let turns = 0; turns < turnsPerStep; turns += 1) await turn()
    }
    return this.#alone(options, async (run) => {
      await run()
      while (this.#clock.now() < until) {
        this.#clock.moveTo(Math.min(until, await this.#engine.nextDue()))
        await turn()
        await run()
      }
    })
  }

  /** Closes it; idempotent. `await using` does it by itself. */
  async stop(): Promise<void> {
    await this.mill.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** One drain or advance at a time, in the order of asking. */
  #alone(options: DrainOptions, work: (run: () => Promise<void>) => Promise<void>): Promise<JobOutcome[]> {
    optionFields(options, ['throwOnFailure', 'maxExecutions'], 'drain')
    const { throwOnFailure = true, maxExecutions = 100_000 } = options
    this.#running += 1
    const ended = this.#last.then(async () => {
      const observation = new Observation(this.#parts, this.#thrown)
      try {
        await work(() => this.#engine.runDue(observation, maxExecutions))
        const found = await observation.outcomes()
        const failure = throwOnFailure ? firstFailure(found) : undefined
        if (failure !== undefined) throw failure
        return found
      } finally {
        observation.end()
        this.#thrown.clear()
        this.#running -= 1
      }
    })
    this.#last = ended.catch(() => undefined)
    return ended
  }
}

/**
 * Opens a Millrace for one test. Independent of any test runner. Do not fake `setImmediate` and promises in it: this clock needs
 * them real, and makes the runner's fake timers unnecessary.
 */
export async function createTestMill(options: TestMillOptions = {}): Promise<TestMill> {
  const { now = new Date(), flags, logLevel = 'FINEST', ...shared } = options
  const clock = new VirtualClock(now)
  const logs: LogEntry[] = []
  const config: MillConfig = {
    ...shared,
    storage: 'sqlite::memory:',
    log: { level: logLevel, sink: (entry) => void logs.push(entry) },
    ...(flags === undefined ? {} : { flags: typeof flags === 'function' ? flags : (flag) => flags[flag] }),
  }
  const parts = await assembleParts(config, {
    clock,
    databaseNow: () => clock.now(),
    chance: repeatableChance(),
  })
  await parts.schedules.reconcile()
  return new TestMill(parts, clock, logs)
}

/** Keeps what the handlers throw, for whoever asks after the drain. */
function rememberThrown({ definitions, handlers }: MillParts): ThrownErrors {
  const thrown = new ThrownErrors()
  for (const { name, version } of definitions) {
    const handler = handlers.get(name, version)
    if (handler === undefined) continue
    handlers.add({
      ...handler,
      async execute(scope) {
        try {
          return await handler.execute(scope)
        } catch (error) {
          thrown.keep(scope.run, error)
          throw error
        }
      },
    })
  }
  return thrown
}
