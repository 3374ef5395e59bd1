import type { Turns } from '../rules/clock.ts'
import type { Claimed, Lane } from '../rules/execution.ts'
import { machineTurns } from './turns.ts'

/** First in, first out, with cheap ends. */
class Fifo<T> {
  #items: T[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let at = this.#head; at < this.#items.length; at += 1) yield this.#items[at] as T
  }

  push(item: T): void {
    this.#items.push(item)
  }

  unshift(item: T): void {
    if (this.#head === 0) {
      this.#items.unshift(item)
      return
    }
    this.#head -= 1
    this.#items[this.#head] = item
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#head += 1
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  drain(): T[] {
    const rest = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    return rest
  }
}

export interface DispatcherOptions {
  /** Executions at once in this process. */
  readonly concurrency: number
  /** Of one queue at once in this process; others have no cap of their own. */
  readonly queues: Readonly<Record<string, number>>
  readonly laneOf: (claimed: Claimed) => Lane
  /** Runs one; its slot is free again when `freed` is called with it. */
  readonly run: (claimed: Claimed, lane: Lane) => void
  /** A slot came free and few are left waiting here: time to claim. */
  readonly onHungry: () => void
  /** Default: the machine's. */
  readonly turns?: Turns
}

/** At most this much work waits here, so that another worker, or another tenant, gets its share soon. */
const localWorkMs = 250
const localMost = 8_000
/** After this long the event loop gets a turn, so that answers of claims and settles are taken up while executions follow each other by promises alone. */
const turnMs = 2

/** The local queue and the slots: bounded by measured run time, so that a claim is never held for long. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #waiting = new Fifo<Claimed>()
  /** Executions whose queue is full here. */
  readonly #held = new Map<string, Fifo<Claimed>>()
  /** Executions that died with their process twice or more: one at a time, so that neighbours are not convicted (R9). */
  readonly #suspects = new Fifo<Claimed>()
  #suspectRuns = false
  #running = 0
  readonly #runningIn = new Map<string, number>()
  #averageMs = 0
  #open = true
  /** When the turn of the event loop began in which executions start now; by the machine, whatever clock the engine was given. */
  #turnBegan: number | null = null
  #yielding = false

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  get queued(): number {
    return this.#waiting.length + this.#aside
  }

  /** Those that must wait although slots are free; they must not keep others from them. */
  get #aside(): number {
    let held = this.#suspects.length
    for (const fifo of this.#held.values()) held += fifo.length
    return held
  }

  get running(): number {
    return this.#running
  }

  get free(): number {
    return Math.max(0, this.#options.concurrency - this.#running - this.#waiting.length)
  }

  /** Whether one more execution of the queue could start beside those that run. */
  hasSlotIn(queue: string): boolean {
    return this.free > 0 && this.#hasRoom(queue)
  }

  /** How many more may be claimed now; 0 until a quarter of the local queue is gone: claims stay large, and the rest lasts while one is under way. */
  get room(): number {
    const target = this.#target(localWorkMs)
    const waiting = this.#waiting.length
    if (!this.#open || waiting * 4 > target * 3 || this.#aside > localMost) return 0
    return Math.max(0, target - waiting + this.#slots())
  }

  /** Gated executions hold their permits while they wait here, so far fewer are taken. */
  get gatedRoom(): number {
    return this.#open ? Math.max(0, this.#slots() + this.#target(50) - this.#waiting.length - this.#aside) : 0
  }

  /** Room left in the queues that have a cap here. */
  queueRoom(): Map<string, number> {
    const room = new Map(Object.entries(this.#options.queues))
    if (room.size === 0) return room
    for (const [queue, running] of this.#runningIn) room.set(queue, (room.get(queue) ?? 0) - running)
    for (const [queue, fifo] of this.#held) room.set(queue, (room.get(queue) ?? 0) - fifo.length)
    for (const claimed of this.#waiting) {
      const { queue } = this.#options.laneOf(claimed)
      const left = room.get(queue)
      if (left !== undefined) room.set(queue, left - 1)
    }
    for (const [queue, left] of room) room.set(queue, Math.max(0, left))
    return room
  }

  push(members: readonly Claimed[]): void {
    for (const member of members) (member.care >= 2 ? this.#suspects : this.#waiting).push(member)
    this.#pump()
  }

  /** Whether it starts what waits. */
  get open(): boolean {
    return this.#open
  }

  /** The next execution of a job, before all that wait: its start is recorded already. To be said before the slot of the last one is free. */
  goOn(next: Claimed): void {
    this.#waiting.unshift(next)
    this.#pump()
  }

  /** Starts nothing any more; answers what had not started. */
  close(): Claimed[] {
    this.#open = false
    return this.empty()
  }

  reopen(): void {
    this.#open = true
  }

  /** Forgets those waiting here that `fallen` names. */
  discard(fallen: (claimed: Claimed) => boolean): void {
    const rest = this.empty()
    if (rest.length > 0) this.push(rest.filter((claimed) => !fallen(claimed)))
  }

  empty(): Claimed[] {
    const rest = [...this.#waiting.drain(), ...this.#suspects.drain()]
    for (const fifo of this.#held.values()) rest.push(...fifo.drain())
    return rest
  }

  #slots(): number {
    return Math.max(0, this.#options.concurrency - this.#running)
  }

  /** Executions that make `ms` of work for all slots; none beyond the free slots while run times are long or unknown. */
  #target(ms: number): number {
    if (this.#averageMs === 0) return 0
    return Math.min(localMost, Math.floor((this.#options.concurrency * ms) / this.#averageMs))
  }

  #pump(): void {
    while (this.#open && this.#running < this.#options.concurrency && !this.#yielding) {
      const next = this.#next()
      if (next === undefined) return
      this.#mayYield()
      this.#start(next)
    }
  }

  #mayYield(): void {
    const { turns = machineTurns } = this.#options
    const now = turns.now()
    if (this.#turnBegan !== null) {
      if (now - this.#turnBegan >= turnMs) this.#yielding = true
      return
    }
    this.#turnBegan = now
    turns.soon(() => {
      this.#turnBegan = null
      if (!this.#yielding) return
      this.#yielding = false
      this.#pump()
    })
  }

  #next(): Claimed | undefined {
    for (const [queue, fifo] of this.#held) {
      if (fifo.length > 0 && this.#hasRoom(queue)) return fifo.shift()
    }
    const suspect = this.#suspects.first
    if (!this.#suspectRuns && suspect !== undefined && this.#hasRoom(this.#options.laneOf(suspect).queue)) {
      this.#suspectRuns = true
      return this.#suspects.shift()
    }
    for (;;) {
      const next = this.#waiting.shift()
      if (next === undefined) return undefined
      const { queue } = this.#options.laneOf(next)
      if (this.#hasRoom(queue)) return next
      let fifo = this.#held.get(queue)
      if (fifo === undefined) this.#held.set(queue, (fifo = new Fifo()))
      fifo.push(next)
    }
  }

  #hasRoom(queue: string): boolean {
    const cap = this.#options.queues[queue]
    return cap === undefined || (this.#runningIn.get(queue) ?? 0) < cap
  }

  #start(claimed: Claimed): void {
    const lane = this.#options.laneOf(claimed)
    this.#running += 1
    if (this.#options.queues[lane.queue] !== undefined) {
      this.#runningIn.set(lane.queue, (this.#runningIn.get(lane.queue) ?? 0) + 1)
    }
    this.#options.run(claimed, lane)
  }

  /** The slot of this one is free; to be said once. */
  freed(claimed: Claimed): void {
    this.#running -= 1
    const { queue } = this.#options.laneOf(claimed)
    const inQueue = this.#runningIn.get(queue)
    if (inQueue !== undefined) this.#runningIn.set(queue, inQueue - 1)
    if (claimed.care >= 2) this.#suspectRuns = false
    this.#pump()
    if (this.room > 0) this.#options.onHungry()
  }

  /**
   * Feeds the run time by which the local queue is bounded: it rises at once and falls slowly, so that a burst of short
   * executions between long ones does not fill the queue. At least a hundredth of a ms, the cost of the engine itself.
   */
  measured(ms: number): void {
    const sample = Math.max(0.01, ms)
    const weight = sample > this.#averageMs ? 0.3 : 0.01
    this.#averageMs = this.#averageMs === 0 ? sample : this.#averageMs + (sample - this.#averageMs) * weight
  }
}
