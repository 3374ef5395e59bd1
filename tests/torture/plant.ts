import type { Invariant } from './checks/violation.ts'
import type { Evidence, Findings } from './evidence.ts'
import type { Rows } from './rows.ts'

/** A defect put into evidence without one. */
export interface Plant {
  readonly name: string
  /** What the checker must answer with, whatever else it finds. */
  readonly invariant: Invariant
  /** null: the run had nothing to put it on. */
  readonly plant: (findings: Findings) => Evidence | null
}

type Put = (evidence: Evidence, findings: Findings) => Evidence | null

export function plant(invariant: Invariant, name: string, put: Put): Plant {
  return { name, invariant, plant: (findings) => put(findings.evidence, findings) }
}

export const onRows = (evidence: Evidence, change: Partial<Rows>): Evidence => ({
  ...evidence,
  rows: { ...evidence.rows, ...change },
})
