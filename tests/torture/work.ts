/** Which definition runs it; what it does is said by the payload itself. */
export const kinds = ['plain', 'effect', 'finalized', 'limited'] as const
/** The job of a fire. */
export const scheduledKind = 'scheduled'
/** A batch by where its records come from; all but `rows` bisect. */
export const batchKinds = ['keys', 'range', 'snapshot', 'rows'] as const
export type BatchKind = (typeof batchKinds)[number]
export type Kind = (typeof kinds)[number] | typeof scheduledKind | BatchKind
/** What only runs of the other tools need. */
export const toolKinds = [scheduledKind, ...batchKinds] as const

/** The payload of every job of the workload: what its handler does, so that the checker can tell what must have come of it. */
export interface Work {
  /** One per enqueue, never twice: finds the call that a job in the database came from. */
  readonly ref: string
  readonly kind: Kind
  /** How long the handler works before it writes. */
  readonly runMs: number
  /** Attempts 1 to `fails` write, then throw. */
  readonly fails?: number
  /** Jobs that each committed attempt enqueues. */
  readonly children?: number
  /** The finalizer of each attempt enqueues one job, too. */
  readonly finalChild?: boolean
  /** Neither it nor its finalizer writes anything, so that both are settled in the group. */
  readonly quiet?: boolean
  /** Shares `limit` slots with all of its group. */
  readonly group?: string
  readonly limit?: number
  /** Unique until done. */
  readonly unique?: string
  readonly delayMs?: number
  /** Epoch ms. */
  readonly runAt?: number
  /** Far enough away that it never passes while the run lasts. */
  readonly deadline?: string
  /** Comes again, uncharged, the first time that a process runs it. */
  readonly snoozes?: true
  /** Where the named process freezes itself in attempt 1: before its first statement, or after it. */
  readonly freeze?: { readonly process: string; readonly where: 'idle' | 'writing' }
  /** In the named process it works until its signal fires (shutdown), then throws; or, with `children`, enqueues them and returns. */
  readonly untilSignal?: string
  readonly tenant?: string
  readonly queue?: string
  readonly priority?: number
  /** The attempt that enqueued it. */
  readonly parent?: { readonly job: string; readonly seq: number; readonly attempt: number }
  /** Its payload carries `richValue(rich)`, which JSON alone would not keep. */
  readonly rich?: number
  /** Of a batch: its records are the items from one id (excluded) to another. */
  readonly items?: { readonly after: number; readonly upTo: number }
  /** What the storage of the group.split cases refuses of it, alone or in a group. */
  readonly poison?: 'enqueue' | 'settle'
}

/** Attempts of every definition of the workload. */
export const maxAttempts = 4

export function isBatch({ kind }: Work): boolean {
  return (batchKinds as readonly Kind[]).includes(kind)
}

/** Whether its execution (seq >= 0) or its finalizer (seq < 0) writes one row of `effect` when it commits. */
export function hasEffect({ kind, quiet }: Work, seq: number): boolean {
  return quiet !== true && (seq < 0 ? kind === 'finalized' : kind !== 'plain')
}

/** Jobs that one committed attempt of the job, or of a finalizer of it, leaves. */
export function childrenOf({ children = 0, finalChild = false }: Work, seq: number): number {
  return seq < 0 ? (finalChild ? 1 : 0) : children
}

export function isWork(value: unknown): value is Work {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Work>).ref === 'string' &&
    typeof (value as Partial<Work>).kind === 'string'
  )
}
