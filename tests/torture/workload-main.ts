import type { Mill, MillConfig } from '../../packages/millrace/src/index.ts'
import { MillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import type { Faults, FaultPoint } from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import { systemClock } from '../../packages/millrace/src/kernel/runtime/system-clock.ts'
import type { MillInternals } from '../../packages/millrace/src/mill/config.ts'
import { assemble } from '../../packages/millrace/src/mill/create-mill.ts'
import { Item } from './batch-workload.ts'
import { Ledger } from './ledger.ts'
import { Producer } from './producer.ts'
import { Random } from './random.ts'
import { sabotaged, type Sabotage } from './sabotage.ts'
import { kinds, toolKinds, type Kind, type Work } from './work.ts'
import { Workload } from './workload.ts'

/** The one argument of the process, as JSON. */
export interface WorkloadArguments {
  readonly name: string
  /** Directory of the ledgers. */
  readonly ledgers: string
  readonly config: MillConfig
  readonly works: boolean
  /** `load`: until told to be quiet. A list: each of it once, all at once. */
  readonly produces: 'load' | readonly Work[]
  readonly seed: number
  readonly armed?: Armed
  readonly sabotage?: Sabotage
  /** The only definitions of this process, as in an older release. Default: all. */
  readonly knows?: readonly Kind[]
  /** It knows batches, with so many records in a chunk, and what schedules fire, too. */
  readonly scope?: number
  /** Leases are renewed from a thread, as in production. */
  readonly keeperThread: boolean
}

/** Does the action at the n-th hit of the point; with `during` at the first hit while that execution of the n-th job was the last one to begin. */
export interface Armed {
  readonly point: FaultPoint
  readonly nth: number
  readonly action: FaultAction
  readonly during?: { readonly seq: number; readonly attempt: number }
}

export type FaultAction = 'kill' | 'stop' | 'lose-answer'

/** A mill over the workload, writing `ledger`. */
export async function openMill(
  args: Pick<WorkloadArguments, 'config' | 'armed' | 'sabotage' | 'knows' | 'scope' | 'keeperThread'>,
  ledger: Ledger,
): Promise<{ mill: Mill; workload: Workload }> {
  const { armed, sabotage, scope } = args
  const { knows = scope === undefined ? kinds : [...kinds, ...toolKinds] } = args
  const workload = new Workload(ledger, scope === undefined ? {} : { scope })
  const trigger = armed === undefined ? null : new Trigger(armed, ledger)
  const internals: MillInternals = {
    // With a clock of its own an engine renews its leases in a loop instead of a thread.
    ...(args.keeperThread ? {} : { clock: systemClock }),
    ...(trigger === null ? {} : { faults: trigger }),
    ...(sabotage === undefined ? {} : { wrapStorage: (storage) => sabotaged(storage, sabotage) }),
  }
  const config: MillConfig = {
    ...args.config,
    definitions: [...knows.map((kind) => workload.definitions[kind]), ...(scope === undefined ? [] : [Item])],
    log: { level: 'ERROR', sink: () => undefined },
  }
  const mill = await patiently(() => assemble(config, internals), ledger)
  workload.attach(mill)
  mill.on((event) => {
    if (event.kind === 'execution.started') trigger?.began(event.key)
  })
  return { mill, workload }
}

const opens = 200

/** As whoever supervises an application would: a mill that cannot open now is opened again. */
async function patiently<T>(open: () => Promise<T>, ledger: Ledger): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await open()
    } catch (error) {
      const { code = 'none', message = String(error) } = error as { code?: string; message?: string }
      ledger.write({ kind: 'trouble', role: 'open', code, message })
      if (!(error instanceof MillraceError) || !error.retryable || tries === opens) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** Does the action when its time has come. */
class Trigger implements Faults {
  readonly #armed: Armed
  readonly #ledger: Ledger
  #hits = 0
  /** Jobs that have begun the execution `during`, and whether nothing else has begun since. */
  readonly #jobs = new Set<string>()
  #during = false

  constructor(armed: Armed, ledger: Ledger) {
    this.#armed = armed
    this.#ledger = ledger
  }

  began({
    job,
    seq,
    attempt,
  }: {
    readonly job: string
    readonly seq: number
    readonly attempt: number
  }): void {
    const { during } = this.#armed
    this.#during = during?.seq === seq && during.attempt === attempt
    if (this.#during) this.#jobs.add(job)
  }

  hit(reached: FaultPoint): void {
    const { point, nth, action, during } = this.#armed
    if (reached !== point) return
    if (during !== undefined && !(this.#during && this.#jobs.size === nth)) return
    this.#hits += 1
    if (this.#hits !== (during === undefined ? nth : 1)) return
    this.#ledger.write({ kind: 'fault', point, action, hit: this.#hits })
    if (action === 'lose-answer')
      throw new MillraceError('MILL_STORAGE_UNAVAILABLE', `the answer at ${point} was lost`, {
        data: { unknown: true },
      })
    process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  }
}

async function main(args: WorkloadArguments): Promise<void> {
  const ledger = new Ledger(args.ledgers, args.name)
  ledger.write({ kind: 'began', pid: process.pid, role: args.works ? 'worker' : 'producer' })
  const { mill, workload } = await openMill(args, ledger)
  const producer = new Producer(mill, workload, ledger, new Random(`${args.seed}/${args.name}`))
  let stopping: Promise<void> | null = null
  const stop = async (): Promise<void> => {
    ledger.write({ kind: 'stopping' })
    const answered = producer.stop()
    await mill.stop()
    await answered
    ledger.write({ kind: 'stopped' })
    process.exit(0)
  }
  process.on('SIGTERM', () => {
    stopping ??= stop()
  })
  const produced = (): void => ledger.write({ kind: 'produced' })
  process.on('message', () => void producer.stop().then(produced))
  // Without its harness it would go on for ever.
  process.on('disconnect', () => process.exit(0))
  if (args.works) await patiently(() => mill.start(), ledger)
  if (args.produces === 'load') {
    producer.start()
  } else {
    await producer.enqueueAll(args.produces)
    produced()
  }
}

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? '') as WorkloadArguments)
