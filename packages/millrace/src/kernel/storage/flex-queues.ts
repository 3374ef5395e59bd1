import { MillraceError } from '../rules/errors.ts'
import type { JobId } from '../rules/execution.ts'
import type { FlexPlace, FlexStanding } from '../rules/flex-queue.ts'

/** The flex queue of a tenant at one instant. */
export interface FlexQueueView extends FlexStanding {
  /** Ids of the jobs that have left Holding and have not ended, by id; of those that are Holding, in the order in which they will start. */
  readonly activeJobs: readonly JobId[]
  readonly holdingJobs: readonly JobId[]
}

/**
 * Jobs whose options name a flex queue (`options.flex`, the id of a limit key) start in their order, so many at once as it has slots
 * (semantics B-08). An enqueue puts them there, `Limits.wake` and the pump let those start that have room.
 */
export interface FlexQueues {
  /** null: nothing of the tenant was ever enqueued under one. */
  look(tenant: string): Promise<FlexQueueView | null>
  /** As it stands now, without a lock; null: there is no such queue. */
  standing(key: number): Promise<FlexStanding | null>
  /**
   * Under the lock of the queue, so that two moves never mix. `there`: nothing changed. `notHolding`: the job is not Holding;
   * `otherNotHolding`: the one it is to go before or after is not Holding in the same queue.
   */
  move(job: JobId, place: FlexPlace): Promise<'moved' | 'there' | 'notHolding' | 'otherNotHolding'>
}

/** Of a tenant, among the limit keys. Names of other keys begin with another letter. */
export function flexKeyName(tenant: string): string {
  return `flex:${tenant}`
}

export function tenantOfFlexKey(name: string): string {
  return name.slice('flex:'.length)
}

export function flexQueueFull({ tenant, slots, most, active, holding }: FlexStanding): MillraceError {
  return new MillraceError(
    'MILL_FLEX_QUEUE_FULL',
    `The flex queue of tenant ${tenant} is full: ${active} of ${slots} batches are under way and ${holding} are Holding, of which there may be ${String(most)}`,
    { data: { tenant, slots, most, active, holding } },
  )
}
