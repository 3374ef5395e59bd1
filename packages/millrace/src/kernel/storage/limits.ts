import type { LeaseId } from '../rules/execution.ts'
import type { LimitSpec } from '../rules/limits.ts'
import type { Moved } from './waiting.ts'

export interface FreedPermit {
  readonly key: number
  readonly lease: LeaseId
  readonly n: number
}

export interface LimitUsage {
  readonly id: number
  readonly spec: LimitSpec
  readonly used: number
  readonly waiting: number
}

export interface Limits {
  /** Creates or changes keys by name (the latest wins); ids in input order. */
  define(specs: readonly LimitSpec[]): Promise<readonly number[]>
  /** Locks the keys, lowers the permits, wakes as many waiters as slots came free, tenants taking turns. Unknown permits are ignored. */
  release(freed: readonly FreedPermit[]): Promise<Moved>
  /** Looks at these keys at once, as the pump does when their time has come. */
  wake(keys: readonly number[]): Promise<Moved>
  /** Of flex queues: jobs that are under way, and those that are Holding. */
  usage(): Promise<readonly LimitUsage[]>
}
