import type { Check } from './violation.ts'

/** I-17: the database's own check finds its files and indexes sound. */
export const integrity: Check = ({ rows }) =>
  rows.damage.map((message) => ({ invariant: 'I-17', message, job: null }))
