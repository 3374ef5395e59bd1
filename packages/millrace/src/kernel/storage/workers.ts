import type { Rescue } from '../rules/decision.ts'
import type { LeaseId, WorkerId } from '../rules/execution.ts'

export interface WorkerSpec {
  readonly host: string
  readonly pid: number
  readonly release: string
  /** name@version of every definition this process can run. */
  readonly knows: readonly string[]
  readonly queues: readonly string[] | null
}

export interface WorkerView extends WorkerSpec {
  readonly id: WorkerId
  readonly startedAt: number
  /** Epoch ms until which it lives, by the database's clock. */
  readonly until: number
  readonly alive: boolean
}

export interface RescueReport {
  /** Leases taken away from dead workers. */
  readonly leases: number
  readonly lost: number
  readonly handedBack: number
  readonly parked: number
}

export interface Workers {
  register(spec: WorkerSpec, leaseMs: number): Promise<WorkerId>
  /** false: `until` had passed or the row is gone. Then nothing of this worker may commit any more. */
  renew(worker: WorkerId, leaseMs: number): Promise<boolean>
  /** Deletes the row if no lease of it stands; otherwise sets `until` to now, so that rescue takes it. */
  leave(worker: WorkerId): Promise<void>
  /** Sets `until` to now: a process on the same machine saw that it is gone. It is rescued at once. */
  expire(worker: WorkerId): Promise<void>
  list(): Promise<readonly WorkerView[]>
  /** Workers whose `until` has passed, and owners of leases that have no worker row. */
  expired(): Promise<readonly WorkerId[]>
  leasesOf(worker: WorkerId): Promise<readonly LeaseId[]>
  /**
   * One lease of a dead worker, in one transaction: lock the worker row with its condition, delete the lease (waits for
   * settles under way), read the unsettled in a new statement, ask `rescue`, write. null = the worker lives
   * again, or somebody else took it or is at it right now (who may be frozen, and is not waited for).
   */
  rescueLease(worker: WorkerId, lease: LeaseId, rescue: Rescue): Promise<Omit<RescueReport, 'leases'> | null>
  /** Deletes a dead worker's row once it has no lease; false while one stands. */
  bury(worker: WorkerId): Promise<boolean>
}
