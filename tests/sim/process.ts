import type { Mill } from '../../packages/millrace/src/index.ts'
import type { Chance, Clock } from '../../packages/millrace/src/kernel/rules/clock.ts'
import type { Wake } from '../../packages/millrace/src/kernel/storage/wakeups.ts'
import type { Entry, Event, LedgerWriter } from '../torture/ledger.ts'
import { Random } from '../torture/random.ts'
import type { Workload } from '../torture/workload.ts'
import type { Owner, Scheduler } from './scheduler.ts'

/** The world's time 0, epoch ms. */
export const epoch = Date.UTC(2026, 0, 1)

/** One simulated process: a mill of its own, a clock that is wrong in its own way, and its part of the ledger. */
export class SimProcess implements Owner, LedgerWriter {
  readonly name: string
  readonly role: 'worker' | 'producer'
  readonly clock: Clock
  readonly chance: Chance
  readonly listeners = new Set<(wake: Wake) => void>()
  isDead = false
  frozenUntil = 0
  mill: Mill | null = null
  workload: Workload | null = null
  /** Enqueues and aborts that it made. */
  calls = 0
  /** Steps that it has not come to an end with. */
  busy = 0
  #skewMs: number
  readonly #entries: Entry[]
  readonly #scheduler: Scheduler

  constructor(
    name: string,
    role: 'worker' | 'producer',
    world: { readonly scheduler: Scheduler; readonly entries: Entry[]; readonly seed: number },
  ) {
    this.name = name
    this.role = role
    this.#entries = world.entries
    this.#scheduler = world.scheduler
    const random = new Random(`${world.seed}/${name}`)
    const rate = 0.95 + random.next() / 10
    this.#skewMs = random.whole(-3_600_000, 3_600_000)
    const { scheduler } = world
    const bornAt = scheduler.now
    const monotonic = (): number => (scheduler.now - bornAt) * rate
    this.clock = {
      now: () => Math.floor(epoch + this.#skewMs + bornAt + monotonic()),
      monotonic,
      after: (ms, call) => scheduler.add(this, ms / rate, 'timer', call),
      turns: { soon: (call) => void scheduler.add(this, 0, 'turn', call), now: monotonic },
    }
    this.chance = {
      next: () => random.next(),
      bytes: (n) => Uint8Array.from({ length: n }, () => random.whole(0, 255)),
    }
  }

  /** Its name, for the ledger. */
  get process(): string {
    return this.name
  }

  /** Ms of the world, as in the ledger. */
  get now(): number {
    return this.#scheduler.now
  }

  jumpClock(byMs: number): void {
    this.#skewMs += byMs
  }

  write(event: Event): void {
    const entry = enter(this.#entries, this.#scheduler.now, this.name, event)
    this.#scheduler.note(JSON.stringify(entry))
  }
}

/** The checker goes by time, so that of two entries of one moment the second must be a little later. */
const moment = 1e-4

export function enter(entries: Entry[], now: number, process: string, event: Event): Entry {
  const at = Math.max(now, (entries.at(-1)?.at ?? -1) + moment)
  const entry: Entry = { ...event, at, wall: epoch + at, process }
  entries.push(entry)
  return entry
}
