import type { AccessMode } from './query.ts'

const byStrictness: readonly AccessMode[] = ['system', 'securityEnforced', 'user']

/** Of two modes the one under which more rights count. */
export function stricter(a: AccessMode, b: AccessMode): AccessMode {
  return byStrictness.indexOf(a) < byStrictness.indexOf(b) ? b : a
}
