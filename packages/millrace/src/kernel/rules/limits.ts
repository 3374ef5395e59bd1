import type { Claimed, ExecutionRow } from './execution.ts'

/** One limit: any number of executions at once (`slots`), a rate, or both. */
export interface LimitSpec {
  /** Unique name, at most 200 characters. */
  readonly name: string
  /** Executions at once; null = no bound. */
  readonly slots: number | null
  /** Token bucket: `burst` tokens at most, refilled at `perMs` tokens a millisecond. */
  readonly rate: { readonly burst: number; readonly perMs: number } | null
  /** Slots count per worker process instead of over all workers. */
  readonly perProcess: boolean
  /** A flex queue: its slots are held by jobs, from leaving Holding to their end, and `most` may be Holding (null: any number). */
  readonly flex?: { readonly most: number | null }
}

/** A locked limit key, as the claim sees it. */
export interface KeyState {
  readonly id: number
  readonly slots: number | null
  readonly burst: number | null
  readonly perMs: number | null
  readonly tokens: number | null
  /** Epoch ms (database clock) at which `tokens` held. */
  readonly at: number | null
  /** Permits in use (of this worker only, when the key is per process). */
  readonly used: number
  /** Somebody waits for it, so that who comes now waits behind them. Never so for keys per process: others may have room. */
  readonly contended: boolean
}

/** The limits that hold for an execution: those of its job; none for a finalizer, which must not wait behind its own job's limit. */
export function limitKeysOf({ seq, options }: Pick<Claimed, 'seq' | 'options'>): readonly number[] {
  return seq < 0 ? [] : (options?.keys ?? [])
}

/** A claimed row with the keys it needs. */
export interface GatedRow extends ExecutionRow {
  readonly keys: readonly number[]
  /** It has waited for one of its keys, and was woken because it is its tenant's turn. */
  readonly woken: boolean
}

export interface Parked {
  readonly row: GatedRow
  /** The first key, ascending, that had no room or had others waiting. */
  readonly gate: number
  readonly reason: 'rateLimited' | 'concurrencyLimited'
}

export interface KeyChange {
  readonly id: number
  readonly tokens: number | null
  readonly at: number | null
  /** Ms until the pump should look at the key; null = nobody waits for it. */
  readonly nextInMs: number | null
}

export interface Admission {
  readonly admitted: readonly GatedRow[]
  readonly parked: readonly Parked[]
  /** Keys whose row must be written. */
  readonly keys: readonly KeyChange[]
  /** Permits taken: n per key. */
  readonly permits: readonly { readonly key: number; readonly n: number }[]
}

/** Pure: all keys of a row or none; the woken first, then in row order. `nowMs` is the database's clock. */
export type Admit = (rows: readonly GatedRow[], keys: readonly KeyState[], nowMs: number) => Admission
