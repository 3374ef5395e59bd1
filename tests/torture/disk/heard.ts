import type { Entry } from '../ledger.ts'
import type { WorkloadProcess } from '../workload-process.ts'

/** The codes of all calls that were not acknowledged. */
export function codesOfCalls(entries: readonly Entry[]): string[] {
  return entries.flatMap((entry) => (entry.kind === 'fail' || entry.kind === 'unknown' ? [entry.code] : []))
}

/** Codes that its callers and loops have heard. */
export function heard(worker: WorkloadProcess): string[] {
  const entries = worker.entries()
  return [
    ...codesOfCalls(entries),
    ...entries.flatMap((entry) => (entry.kind === 'trouble' ? [entry.code] : [])),
  ]
}
