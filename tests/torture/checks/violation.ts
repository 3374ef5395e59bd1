import type { Findings } from '../evidence.ts'

export type Invariant =
  | 'I-1'
  | 'I-2'
  | 'I-3'
  | 'I-4'
  | 'I-5'
  | 'I-6'
  | 'I-7'
  | 'I-8'
  | 'I-9'
  | 'I-10'
  | 'I-11'
  | 'I-13'
  | 'I-14'
  | 'I-15'
  | 'I-17'

export interface Violation {
  readonly invariant: Invariant
  readonly message: string
  /** Of which the events are shown. */
  readonly job: string | null
}

/** Pure. */
export type Check = (findings: Findings) => readonly Violation[]
