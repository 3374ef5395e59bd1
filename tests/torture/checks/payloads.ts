import { isDeepStrictEqual } from 'node:util'
import { keyText } from '../evidence.ts'
import type { Check, Violation } from './violation.ts'

/** I-15: what a handler is given deep-equals what was enqueued. */
export const payloads: Check = (findings) => {
  const violations: Violation[] = []
  for (const { start } of findings.starts) {
    const call = findings.callOf.get(start.work.ref)
    const meant = call?.call.works[call.place]
    // A child's work was written down by nobody but its own payload.
    if (start.intact && (meant === undefined || isDeepStrictEqual(start.work, meant))) continue
    const message = `${keyText(start)} was given ${JSON.stringify(start.work)}${start.intact ? '' : ' with another value'}`
    violations.push({ invariant: 'I-15', message, job: start.job })
  }
  return violations
}
