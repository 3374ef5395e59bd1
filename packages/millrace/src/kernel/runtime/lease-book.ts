import type { Claimed, LeaseId } from '../rules/execution.ts'
import type { ClaimedBatch, LeaseMark } from '../storage/executions.ts'

interface Entry {
  /** Members neither settled nor handed back. */
  open: number
  readonly running: Set<number>
  dirty: boolean
}

/** What this process holds under each lease, and what of it the database does not know yet. */
export class LeaseBook {
  readonly #leases = new Map<LeaseId, Entry>()

  get leases(): readonly LeaseId[] {
    return [...this.#leases.keys()]
  }

  add(batch: ClaimedBatch): void {
    const running = new Set(batch.members.filter((member) => member.marked).map((member) => member.position))
    this.#leases.set(batch.lease, { open: batch.members.length, running, dirty: false })
  }

  /** An execution begins. true when the database has yet to be told. */
  start(claimed: Claimed): boolean {
    const entry = this.#leases.get(claimed.lease)
    if (entry === undefined || entry.running.has(claimed.position)) return false
    entry.running.add(claimed.position)
    entry.dirty = true
    return true
  }

  /** A member is settled or handed back: it leaves the lease with the next marks. */
  end(claimed: Pick<Claimed, 'lease' | 'position'>): void {
    const entry = this.#leases.get(claimed.lease)
    if (entry === undefined) return
    entry.open -= 1
    entry.running.delete(claimed.position)
    entry.dirty = true
  }

  get dirty(): boolean {
    for (const entry of this.#leases.values()) if (entry.dirty) return true
    return false
  }

  /** The marks to write now. Spent leases are forgotten. On failure give them back to `restore`. */
  take(): LeaseMark[] {
    const marks: LeaseMark[] = []
    for (const [lease, entry] of this.#leases) {
      if (!entry.dirty) continue
      entry.dirty = false
      const finished = entry.open === 0
      marks.push({ lease, running: [...entry.running], finished })
      if (finished) this.#leases.delete(lease)
    }
    return marks
  }

  restore(marks: readonly LeaseMark[]): void {
    for (const { lease } of marks) {
      const entry = this.#leases.get(lease)
      if (entry === undefined) this.#leases.set(lease, { open: 0, running: new Set(), dirty: true })
      else entry.dirty = true
    }
  }

  /** A lease that fell: nothing of it can be written any more. */
  drop(lease: LeaseId): void {
    this.#leases.delete(lease)
  }

  clear(): void {
    this.#leases.clear()
  }
}
