import { MillraceError } from '../kernel/rules/errors.ts'
import type { FlexPlace } from '../kernel/rules/flex-queue.ts'
import { isJobId } from '../kernel/rules/ids.ts'
import { checkTenant, DEFAULT_TENANT } from '../kernel/rules/names.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import { demandRoomBeside } from './beside.ts'
import { flexLimitsOf, type FlexSettings } from './flex-limits.ts'
import type { JobView } from './job-view.ts'
import type { Jobs } from './jobs.ts'

/** The batches of one tenant that have not ended. */
export interface FlexQueueView {
  readonly tenant: string
  /** Batches that may be under way at once; null: any number. */
  readonly slots: number | null
  /** Batches that may be Holding; null: any number. */
  readonly most: number | null
  /** Under way: Queued, Preparing or Processing. By id. */
  readonly active: readonly JobView[]
  /** In the order in which they will start; the first stands at position 1. */
  readonly holding: readonly JobView[]
}

export interface ListFlexQueueOptions {
  /** Default `default`. */
  readonly tenant?: string
}

/** Batches that wait for their turn: what is next, and moving them (semantics B-08, X-01). */
export class FlexQueue {
  readonly #storage: Storage
  readonly #jobs: Jobs
  readonly #settings: FlexSettings

  constructor(storage: Storage, jobs: Jobs, settings: FlexSettings) {
    this.#storage = storage
    this.#jobs = jobs
    this.#settings = settings
  }

  /** Ids and order are of one instant; a job that has ended since then is left out. */
  async list(options: ListFlexQueueOptions = {}): Promise<FlexQueueView> {
    optionFields(options, ['tenant'], 'flexQueue.list')
    const tenant = checkTenant(options.tenant ?? DEFAULT_TENANT, 'flexQueue.list')
    const found = await this.#storage.flexQueues.look(tenant)
    if (found === null) {
      const { slots, most } = flexLimitsOf(this.#settings, tenant) ?? { slots: null, most: null }
      return { tenant, slots, most, active: [], holding: [] }
    }
    const { slots, most, activeJobs, holdingJobs } = found
    const views = await this.#jobs.views([...activeJobs, ...holdingJobs])
    const standing = (ids: readonly string[]): JobView[] =>
      ids.flatMap((id) => {
        const view = views.get(id)
        return view === undefined || view.finishedAt !== null ? [] : [view]
      })
    return { tenant, slots, most, active: standing(activeJobs), holding: standing(holdingJobs) }
  }

  /**
   * false: it is the first already. Throws MILL_JOB_NOT_HOLDING, also when it started a moment ago. Two moves at once are done one after the other.
   * Commits at once, not with a transaction around it.
   */
  moveToFront(jobId: string): Promise<boolean> {
    return this.#move(jobId, { to: 'front' })
  }

  /** false: it is the last already. As `moveToFront`. */
  moveToEnd(jobId: string): Promise<boolean> {
    return this.#move(jobId, { to: 'end' })
  }

  /** false: it stands right before the other one already. The other one must be Holding in the same queue. As `moveToFront`. */
  moveBefore(jobId: string, otherId: string): Promise<boolean> {
    return this.#move(jobId, { to: 'before', other: checked(otherId) })
  }

  /** false: it stands right after the other one already. As `moveBefore`. */
  moveAfter(jobId: string, otherId: string): Promise<boolean> {
    return this.#move(jobId, { to: 'after', other: checked(otherId) })
  }

  async #move(jobId: string, place: FlexPlace): Promise<boolean> {
    demandRoomBeside(this.#storage.kind, `the move of ${checked(jobId)}`)
    const answer = await this.#storage.flexQueues.move(jobId, place)
    if (answer === 'notHolding') throw notHolding(await this.#jobs.get(jobId), 'is')
    if (answer === 'otherNotHolding' && 'other' in place)
      throw notHolding(await this.#jobs.get(place.other), 'is, for this queue,')
    return answer === 'moved'
  }
}

function checked(id: string): string {
  if (isJobId(id)) return id
  throw new MillraceError('MILL_JOB_UNKNOWN', `${JSON.stringify(id)} is not the id of a job`)
}

function notHolding({ id, status, tenant }: JobView, is: string): MillraceError {
  const what = status === 'Holding' ? `Holding in the queue of tenant ${tenant}` : status
  return new MillraceError('MILL_JOB_NOT_HOLDING', `job ${id} ${is} ${what}, so nothing was moved`, {
    data: { jobId: id, status },
  })
}
