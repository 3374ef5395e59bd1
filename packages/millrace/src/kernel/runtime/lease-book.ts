import type { Claimed, LeaseId } from '../rules/execution.ts'
import type { ClaimedBatch, LeaseMark } from '../storage/executions.ts'

interface Entry {
  /** Members neither settled nor handed back. */
  open: number
  readonly running: Set<number>
  dirty: boolean
  /** Its last mark is being written: it still stands in the database, perhaps. */
  ending: boolean
}

/** What this process holds under each lease, and what of it the database does not know yet. */
export class LeaseBook {
  readonly #leases = new Map<LeaseId, Entry>()

  get leases(): readonly LeaseId[] {
    return [...this.#leases.keys()]
  }

  add(batch: ClaimedBatch): void {
    const running = new Set(batch.members.filter((member) => member.marked).map((member) => member.position))
    this.#leases.set(batch.lease, { open: batch.members.length, running, dirty: false, ending: false })
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

  /** A member that could not be stored stays under its lease, which so cannot end. */
  reopen(claimed: Pick<Claimed, 'lease' | 'position'>): void {
    const entry = this.#leases.get(claimed.lease)
    if (entry === undefined) return
    entry.open += 1
    entry.running.add(claimed.position)
    entry.ending = false
    entry.dirty = true
  }

  /** The marks to write now; `written` must be told when they are. */
  take(): LeaseMark[] {
    const marks: LeaseMark[] = []
    for (const [lease, entry] of this.#leases) {
      if (!entry.dirty) continue
      entry.dirty = false
      const finished = entry.open === 0
      marks.push({ lease, running: [...entry.running], finished })
      entry.ending = finished
    }
    return marks
  }

  /** Spent leases are forgotten only now: until then they are known here, so that nobody takes them for orphans. */
  written(marks: readonly LeaseMark[]): void {
    for (const { lease } of marks) if (this.#leases.get(lease)?.ending === true) this.#leases.delete(lease)
  }

  /** A lease that fell: nothing of it can be written any more. */
  drop(lease: LeaseId): void {
    this.#leases.delete(lease)
  }

  clear(): void {
    this.#leases.clear()
  }
}
