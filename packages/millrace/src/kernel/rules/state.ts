import type { StoredError } from './outcome.ts'

/** How far a job of several executions is. Numbers are on disk: never change one. */
export const phases = { chunks: 1, finish: 2, steps: 3 } as const

/** What lists and progress need of a job of several executions, in records and in chunks of them; the chunks of a pipeline are its steps. */
export interface StateCounts {
  readonly phase: number
  /** Records; null: not known. */
  readonly total: number | null
  readonly processed: number
  /** Records set aside. */
  readonly failed: number
  /** Chunks that were applied. */
  readonly chunks: number
  readonly totalChunks: number | null
  /** Chunks that were given up. */
  readonly errors: number
  /** Records of a chunk from now on; null: not known. */
  readonly scope: number | null
  /** Milliseconds for a record from one chunk to the next: mean and standard deviation; null before there is one. */
  readonly pace: number | null
  readonly spread: number | null
}

/**
 * What a job's next execution goes on from: written by the settle of the one before, in the same statement, so that both are there or
 * neither. The whole of it is replaced.
 */
export interface StateChange extends StateCounts {
  /** The execution it is for. One with a larger seq finds that the one it is for was given up. */
  readonly seq: number
  /** Owned by the tool: JSON text, at most 1 MiB by what the tools allow. */
  readonly data: string
  /** The first error of the job. */
  readonly error: StoredError | null
}
