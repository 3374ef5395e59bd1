import type { Random } from '../torture/random.ts'

/** Whose event it is: those of the dead never happen, those of the frozen are held. */
export interface Owner {
  readonly name: string
  readonly isDead: boolean
  /** Ms of the world. */
  readonly frozenUntil: number
}

interface Pending {
  readonly at: number
  readonly owner: Owner
  readonly label: string
  readonly run: () => void | Promise<void>
}

const eventsKept = 40

/**
 * The only thing that happens in a simulated world. Time stands still while anything is due, of which chance picks the next; then
 * it moves on to what comes first.
 */
export class Scheduler {
  readonly #random: Random
  readonly #recent: string[] = []
  #pending: Pending[] = []
  #now = 0
  #count = 0
  #low = 0x811c9dc5
  #high = 0x1b873593

  constructor(random: Random) {
    this.#random = random
  }

  /** Ms since the world began. */
  get now(): number {
    return this.#now
  }

  get count(): number {
    return this.#count
  }

  /** Of everything that happened. */
  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0')
  }

  get recent(): readonly string[] {
    return this.#recent
  }

  /** Returns the cancel. */
  add(owner: Owner, inMs: number, label: string, run: () => void | Promise<void>): () => void {
    if (owner.isDead) return () => undefined
    const pending = { at: this.#now + Math.max(0, inMs), owner, label, run }
    this.#pending.push(pending)
    return () => {
      const index = this.#pending.indexOf(pending)
      if (index >= 0) this.#pending.splice(index, 1)
    }
  }

  /** Text that must be the same when the seed is run again. */
  note(text: string): void {
    let low = this.#low
    let high = this.#high
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      low = Math.imul(low ^ code, 0x01000193)
      high = Math.imul(high ^ code, 0x85ebca6b) ^ (low >>> 15)
    }
    this.#low = low
    this.#high = high
  }

  /** Whether the condition became true before so much time had passed. */
  async run(isDone: () => boolean, boundMs: number): Promise<boolean> {
    const end = this.#now + boundMs
    while (!isDone()) {
      const next = this.#next(end)
      if (next === null) {
        this.#now = Math.max(this.#now, end)
        return false
      }
      this.#count += 1
      const line = `${this.#now.toFixed(2)} ${next.owner.name} ${next.label}`
      this.note(line)
      this.#recent.push(line)
      if (this.#recent.length > eventsKept) this.#recent.shift()
      await next.run()
      // All that follows from it by promises alone.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    return true
  }

  #next(end: number): Pending | null {
    let first = Infinity
    const due: number[] = []
    if (this.#pending.some(({ owner }) => owner.isDead))
      this.#pending = this.#pending.filter(({ owner }) => !owner.isDead)
    for (const [index, { at, owner }] of this.#pending.entries()) {
      const time = Math.max(at, owner.frozenUntil, this.#now)
      if (time > first) continue
      if (time < first) due.length = 0
      first = time
      due.push(index)
    }
    if (first > end || due.length === 0) return null
    this.#now = first
    const index = due.length === 1 ? (due[0] as number) : this.#random.pick(due)
    const [picked] = this.#pending.splice(index, 1)
    return picked as Pending
  }
}
