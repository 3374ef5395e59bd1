import type { Decision } from './decision.ts'
import type { Claimed } from './execution.ts'

/** How long, in ms since it was claimed, a job may go on under its lease before it takes its turn again like any other. */
export const longestKeepMs = 100

/**
 * The same decision with its next execution kept under the lease: no row in `ready`, no claim. null where there is nothing to keep: what
 * follows must be exactly one later execution of the job, at once; a job with limit keys takes them anew for each, and a process that one
 * has killed must know of its end before anything else begins (R9).
 */
export function keeping(run: Claimed, decision: Decision): Decision | null {
  const [next, ...others] = decision.next
  if (next === undefined || others.length > 0 || !('ready' in next.when)) return null
  if (run.seq < 0 || next.seq <= run.seq || next.attempt !== 1 || next.care > 0) return null
  if (run.care > 0 || run.options?.keys !== undefined) return null
  return { ...decision, next: [{ ...next, when: { keep: run.position } }] }
}

/** The execution that a settled decision has kept under the lease of the one it ended; null: none. */
export function keptBy(run: Claimed, { next }: Pick<Decision, 'next'>): Claimed | null {
  const [kept] = next
  if (kept === undefined || !('keep' in kept.when)) return null
  const { seq, attempt, care } = kept
  return { ...run, seq, attempt, care }
}

/** Whether a decision keeps its lease's place. */
export function keeps({ next }: Pick<Decision, 'next'>): boolean {
  return next[0] !== undefined && 'keep' in next[0].when
}
