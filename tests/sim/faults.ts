import type { Random } from '../torture/random.ts'

export const faultNames = [
  'crash',
  'zombie',
  'lateAnswer',
  'lostAnswer',
  'refusal',
  'lostWake',
  'doubledWake',
  'clockJump',
] as const
export type FaultName = (typeof faultNames)[number]
export type FaultCounts = Record<FaultName, number>

export function noFaults(): FaultCounts {
  return Object.fromEntries(faultNames.map((name) => [name, 0])) as FaultCounts
}

/** What goes wrong in one world, and how often: a random subset of all faults, until the world heals. */
export class Faults {
  readonly enabled: readonly FaultName[]
  readonly counts = noFaults()
  readonly #random: Random
  readonly #rates = new Map<FaultName, number>()
  #healed = false

  constructor(random: Random) {
    this.#random = random
    const share = random.pick([0.2, 0.5, 0.8])
    this.enabled = faultNames.filter(() => random.chance(share))
    for (const name of this.enabled) this.#rates.set(name, random.pick([0.5, 1, 3]))
  }

  has(name: FaultName): boolean {
    return !this.#healed && this.#rates.has(name)
  }

  /** Whether it happens now; `probability` is what a middling world has. */
  strikes(name: FaultName, probability: number): boolean {
    if (this.#healed) return false
    const rate = this.#rates.get(name)
    if (rate === undefined || !this.#random.chance(probability * rate)) return false
    this.counts[name] += 1
    return true
  }

  /** One that was planned happens. */
  count(name: FaultName): void {
    this.counts[name] += 1
  }

  heal(): void {
    this.#healed = true
  }
}
