import type { ExecutionKey, JobId, Lane, LeaseId, WorkerId } from '../rules/execution.ts'
import type { FlexFilling } from '../rules/flex-queue.ts'
import type { OutcomeName } from '../rules/outcome.ts'

/** Which definition ran when its worker lost the lease: one of these may have blocked the event loop. */
export interface RunningExecution extends ExecutionKey {
  readonly name: string
}

/** What the runtime tells whoever listens: public API (docs/telemetry later); logging and metrics are subscribers. */
export type EngineEvent =
  | { readonly kind: 'worker.started'; readonly worker: WorkerId }
  | { readonly kind: 'worker.stopped'; readonly worker: WorkerId }
  /** The worker lost its lease as a whole; it goes on under a new id. */
  | {
      readonly kind: 'worker.fenced'
      readonly worker: WorkerId
      readonly running: readonly RunningExecution[]
    }
  /** `lease`: what it was claimed under; it rises from one attempt of an execution to the next. */
  | {
      readonly kind: 'execution.started'
      readonly key: ExecutionKey
      readonly lane: Lane
      readonly lease: LeaseId
    }
  | {
      readonly kind: 'execution.ended'
      readonly key: ExecutionKey
      readonly lane: Lane
      readonly outcome: OutcomeName
      readonly ms: number
    }
  /** Given back without an attempt: shutdown or snooze. */
  | { readonly kind: 'execution.handedBack'; readonly key: ExecutionKey; readonly lane: Lane }
  | { readonly kind: 'execution.fenced'; readonly key: ExecutionKey; readonly lane: Lane }
  | {
      readonly kind: 'rescued'
      readonly worker: WorkerId
      readonly lost: number
      readonly handedBack: number
      readonly parked: number
    }
  | { readonly kind: 'pruned'; readonly jobs: number }
  /** `lateMs`: how long after its due time it fired; 0 for one that was asked for. */
  | {
      readonly kind: 'schedule.fired'
      readonly schedule: NamedSchedule
      readonly due: number
      readonly job: JobId
      readonly lateMs: number
    }
  /** By its overlap policy: an earlier job has not ended. */
  | { readonly kind: 'schedule.skipped'; readonly schedule: NamedSchedule; readonly due: number }
  /** `n` fires from `due` on that nobody was there for, and that the misfire policy leaves out. */
  | {
      readonly kind: 'schedule.missed'
      readonly schedule: NamedSchedule
      readonly due: number
      readonly n: number
    }
  /** It should have fired and has not: told once for each due time. */
  | {
      readonly kind: 'schedule.late'
      readonly schedule: NamedSchedule
      /** 'name@version', and whether any worker that lives knows it. */
      readonly target: string
      readonly isTargetKnown: boolean
      readonly due: number
    }
  /** It cannot be fired; it is tried again. */
  | { readonly kind: 'schedule.trouble'; readonly schedule: NamedSchedule; readonly error: unknown }
  /** Four fifths of what the flex queue of a tenant may hold are Holding; told once for each rise. */
  | ({ readonly kind: 'flex.filling' } & FlexFilling)
  /** A background role met an error; it tries again by itself. */
  | { readonly kind: 'trouble'; readonly role: string; readonly error: unknown }

/** `id` as in `mill.schedules.get`. */
export interface NamedSchedule {
  readonly id: string
  readonly tenant: string
  readonly name: string
}

export type EngineListener = (event: EngineEvent) => void

/** What events tell of an execution: its payload is nobody's business. */
export function keyOf({ job, seq, attempt }: ExecutionKey): ExecutionKey {
  return { job, seq, attempt }
}

/** Listeners never disturb the engine: what they throw is dropped. */
export class EngineEvents {
  readonly #listeners = new Map<EngineEvent['kind'] | 'any', Set<EngineListener>>()

  /** Without `kind`, everything. Returns the unsubscribe. */
  subscribe(listener: EngineListener, kind: EngineEvent['kind'] | 'any' = 'any'): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set()
    this.#listeners.set(kind, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  /** Whether an event of this kind is worth making. */
  hears(kind: EngineEvent['kind']): boolean {
    return (this.#listeners.get(kind)?.size ?? 0) + (this.#listeners.get('any')?.size ?? 0) > 0
  }

  emit(event: EngineEvent): void {
    const own = this.#listeners.get(event.kind)
    if (own !== undefined) tell(own, event)
    const any = this.#listeners.get('any')
    if (any !== undefined) tell(any, event)
  }
}

function tell(listeners: ReadonlySet<EngineListener>, event: EngineEvent): void {
  for (const listener of listeners) {
    try {
      listener(event)
    } catch {
      // A listener's defect is not the engine's.
    }
  }
}
