import type { ExecutionScope } from './execution-scope.ts'

/** What an opened part may want to hear of its execution. */
export interface PartLife {
  /** The execution's writes are in the database. */
  committed?(): void
  /** They are not, and never will be. */
  rolledBack?(): void
  /** Nothing may be done through the part any more. Called last, always. */
  closed?(): void
}

/**
 * The kernel's other extension point: a named value that an execution's context offers (`ctx.log`, later `ctx.records`),
 * made at first use and told how the execution ended.
 */
export interface ContextPart<T> {
  readonly name: string
  open(scope: ExecutionScope): { readonly value: T; readonly life?: PartLife }
}
