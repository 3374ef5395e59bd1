/** Ids as records have them: a text (a uuid included) or a whole number. */
export type RowId = string | number

export interface NewSnapshot {
  /** A UUIDv7 of the caller's making. */
  readonly id: string
  readonly tenant: string
  /** What it is for, so that use can be told apart: 'cursor', 'pagination', 'pages'. */
  readonly purpose: string
  /** Text of whoever makes it, given back by `find`. */
  readonly detail: string
  readonly ttlMs: number
  /** More are 'tooLarge'. */
  readonly maxRows: number
  /** Answers a column `id` in the order that the set shall have; texts, uuids or whole numbers, none null. */
  readonly statement: { readonly segments: readonly string[]; readonly params: readonly unknown[] }
}

export interface Snapshot {
  readonly id: string
  readonly tenant: string
  readonly purpose: string
  readonly detail: string
  /** Ids in it, whatever became of their rows. */
  readonly total: number
  readonly createdAt: number
  /** Until it expires, by the database's clock. */
  readonly remainingMs: number
}

export interface SnapshotIds {
  readonly tenant: string
  /** In order; fewer than asked for at the end only. */
  readonly ids: readonly RowId[]
  readonly remainingMs: number
}

/** Of one tenant and purpose. */
export interface SnapshotUsage {
  readonly purpose: string
  /** Not expired and not dropped. */
  readonly open: number
  readonly openRows: number
  /** Made within the last 24 hours, dropped ones included. */
  readonly made: number
  readonly madeRows: number
}

/** Sets of ids in a fixed order, as they were at one instant: what is inserted, deleted or changed later does not change them. */
export interface SnapshotAccess {
  /**
   * Fixes the set in the database itself, and answers how many ids it has; 'tooLarge' leaves nothing behind. All of it is of one
   * instant. Memory does not grow with it.
   */
  create(spec: NewSnapshot): Promise<number | 'tooLarge'>
  /** null: unknown, expired or dropped. */
  find(id: string): Promise<Snapshot | null>
  /** `count` ids from `position` (the first is 0); null as `find`. */
  ids(id: string, position: number, count: number): Promise<SnapshotIds | null>
  /** Not before `ttlMs` from now will it expire. Never shortens; false as `find` says null. Not a write of the caller's transaction. */
  extend(id: string, ttlMs: number): Promise<boolean>
  /** Gone for everybody at once; its rows go with the pruner. false: there was none. */
  drop(id: string): Promise<boolean>
  usage(tenant: string): Promise<readonly SnapshotUsage[]>
}

export interface Snapshots extends SnapshotAccess {
  /** One step of the pruner: at most `most` rows (a thousand ids each) of what is expired or dropped. `done`: nothing is left to delete. */
  prune(most: number): Promise<{ readonly deleted: number; readonly done: boolean }>
}

/** Ids that stand in one row of the database. */
export const idsPerBlock = 1_000
