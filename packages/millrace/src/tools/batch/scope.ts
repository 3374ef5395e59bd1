import type { StoredError } from '../../kernel/rules/outcome.ts'
import type { BatchData, Source } from './rules.ts'

/** How many records a batch with `scope: 'auto'` takes for a chunk: the first one, and between which bounds. */
export const autoScope = { first: 200, least: 1, most: 10_000 } as const

/**
 * How long a chunk is to take. A commit costs a few ms, so that longer chunks save next to nothing, and what they lock others wait for: on
 * SQLite the whole file.
 */
export const targetMs = 500

/** A chunk as it went. */
export interface ChunkRun {
  /** What it was allowed to have. */
  readonly scope: number
  readonly records: number
  readonly ms: number
  /** It ran into locks of others, or out of its time, if only once. */
  readonly contended: boolean
}

/**
 * The scope after a chunk. Twice as many where twice as many fit into the target, fewer in proportion above it, but never less than half at once:
 * one slow chunk says little. Half after a conflict. `now`: what it is meanwhile, for several chunks run at once, and of those that ask for more
 * the first is enough.
 */
export function nextScope(now: number, { scope, records, ms, contended }: ChunkRun): number {
  if (contended) return Math.min(now, bounded(scope / 2))
  if (ms > targetMs) return Math.min(now, bounded(Math.max(scope / 2, (scope * targetMs) / ms)))
  // The last chunk of a source, or halves.
  if (records < scope || ms > targetMs / 2) return now
  return Math.max(now, bounded(scope * 2))
}

function bounded(scope: number): number {
  return Math.min(autoScope.most, Math.max(autoScope.least, Math.floor(scope)))
}

const conflicts: ReadonlySet<string | undefined> = new Set([
  'MILL_STORAGE_BUSY',
  'MILL_WRITE_TIMEOUT',
  'MILL_TIMEOUT',
])

/** Whether an attempt failed because others were in its way, or it in theirs: it, or what it was caused by. */
export function isContention(error: StoredError | null): boolean {
  return error !== null && (conflicts.has(error.code) || isContention(error.cause ?? null))
}

/** Pages that the start wrote are as large as they are. */
export function adaptable({ source, work }: Pick<BatchData, 'source' | 'work'>): boolean {
  return fitted.has(source.kind) && work.kind !== 'aside'
}

const fitted: ReadonlySet<Source['kind']> = new Set<Source['kind']>(['keys', 'sql', 'snapshot'])
