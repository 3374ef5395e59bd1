import type { Storage } from '../storage.ts'

/** A database under test: empty and not migrated when it is handed over. */
export interface Subject {
  readonly storage: Storage
  /** A second connection ("process") on the same database; absent where a database lives in one process. */
  readonly another?: () => Promise<Storage>
  /** Closes what `open` and `another` opened and removes the database. */
  dispose(): Promise<void>
}

/** A new, empty database each time. */
export type Open = () => Promise<Subject>
