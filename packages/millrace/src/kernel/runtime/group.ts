import type { Turns } from '../rules/clock.ts'
import { machineTurns } from './turns.ts'

/**
 * Group commit with awaited acknowledgement: flushes at once when idle, gathers behind the flush that is under way,
 * and resolves each item when its flush returned. No gathering timer (performance.md 4).
 */
export class Group<T, R> {
  readonly #flush: (items: readonly T[]) => Promise<readonly (R | Promise<R>)[]>
  readonly #cap: number
  readonly #turns: Turns
  #waiting: Entry<T, R>[] = []
  #running: Promise<void> | null = null

  /** `flush` answers in input order; an answer that is a rejected promise fails its item alone. A group has at most `cap` items. */
  constructor(
    flush: (items: readonly T[]) => Promise<readonly (R | Promise<R>)[]>,
    { cap = 1000, turns = machineTurns }: { readonly cap?: number; readonly turns?: Turns } = {},
  ) {
    this.#flush = flush
    this.#cap = cap
    this.#turns = turns
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #run(): Promise<void> {
    // One turn of the event loop lets callers of the same tick join the first group.
    await new Promise<void>((resolve) => this.#turns.soon(resolve))
    while (this.#waiting.length > 0) {
      const entries = this.#waiting.length <= this.#cap ? this.#waiting : this.#waiting.slice(0, this.#cap)
      this.#waiting = this.#waiting.slice(entries.length)
      await this.#commit(entries)
    }
    this.#running = null
  }

  async #commit(entries: readonly Entry<T, R>[]): Promise<void> {
    try {
      const answers = await this.#flush(entries.map((entry) => entry.item))
      entries.forEach((entry, index) => entry.resolve(answers[index] as R | Promise<R>))
    } catch (error) {
      for (const entry of entries) entry.reject(error)
    }
  }
}

interface Entry<T, R> {
  readonly item: T
  readonly resolve: (answer: R | Promise<R>) => void
  readonly reject: (error: unknown) => void
}

/**
 * Runs `work` over all items; when it fails as a whole and `divisible(error)`, over its halves, down to single items, so that one
 * bad member does not sink the rest (trap 7). Answers in input order.
 */
export async function splitting<T, R>(
  items: readonly T[],
  work: (items: readonly T[]) => Promise<readonly R[]>,
  options: {
    readonly divisible: (error: unknown) => boolean
    readonly onSingle: (item: T, error: unknown) => Promise<R>
    readonly onSplit?: () => void | Promise<void>
  },
): Promise<readonly R[]> {
  try {
    return await work(items)
  } catch (error) {
    if (!options.divisible(error)) throw error
    const [first] = items
    if (items.length === 1 && first !== undefined) return [await options.onSingle(first, error)]
    await options.onSplit?.()
    const middle = items.length >> 1
    return [
      ...(await splitting(items.slice(0, middle), work, options)),
      ...(await splitting(items.slice(middle), work, options)),
    ]
  }
}
