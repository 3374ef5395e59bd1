import type { JobId } from './execution.ts'
import type { FlexFilling } from './flex-queue.ts'

/** How long a key stays taken: until the holder starts, until it ends, or for a time. */
export type UniqueUntil = 'started' | 'done' | { readonly ms: number }
/** What a second enqueue under a taken key gets. */
export type OnDuplicate = 'throw' | 'return' | 'replace'

/** A unique key as storage takes it: `key` is a hash of name, scope and signature. */
export interface UniqueClaim {
  readonly key: string
  readonly until: UniqueUntil
  readonly on: OnDuplicate
}

export type EnqueueOutcome =
  | { readonly kind: 'queued'; readonly id: JobId; readonly filling?: FlexFilling }
  /** The key is taken by `holder`; nothing was written. */
  | { readonly kind: 'duplicate'; readonly holder: JobId; readonly filling?: never }
  /** `ended` had not started and was ended with outcome replaced. */
  | {
      readonly kind: 'replaced'
      readonly id: JobId
      readonly ended: JobId
      readonly filling?: FlexFilling
    }
