import { acknowledged } from './checks/acknowledged.ts'
import { attempts } from './checks/attempts.ts'
import { batches } from './checks/batches.ts'
import { children } from './checks/children.ts'
import { conservation } from './checks/conservation.ts'
import { drained } from './checks/drained.ts'
import { effects } from './checks/effects.ts'
import { exclusive } from './checks/exclusive.ts'
import { fires } from './checks/fires.ts'
import { finalizers } from './checks/finalizers.ts'
import { integrity } from './checks/integrity.ts'
import { payloads } from './checks/payloads.ts'
import { status } from './checks/status.ts'
import { tenants } from './checks/tenants.ts'
import { timing } from './checks/timing.ts'
import { tokens } from './checks/tokens.ts'
import type { Check, Violation } from './checks/violation.ts'
import { Findings, type Evidence } from './evidence.ts'
import type { Entry } from './ledger.ts'

const checks: readonly Check[] = [
  acknowledged,
  effects,
  tokens,
  conservation,
  drained,
  status,
  finalizers,
  attempts,
  children,
  exclusive,
  timing,
  tenants,
  payloads,
  integrity,
  batches,
  fires,
]

const eventsShown = 60

/** Pure: what of reliability.md section 4 the evidence contradicts. Nothing, if the engine kept its promises. */
export function check(evidence: Evidence): readonly Violation[] {
  const findings = new Findings(evidence)
  return checks.flatMap((one) => one(findings))
}

/** Violations as text, each with the events of its job around it. */
export function describe(violations: readonly Violation[], evidence: Evidence, atMost = 5): string {
  const shown = violations.slice(0, atMost).map((violation) => {
    const events = violation.job === null ? [] : eventsOf(violation.job, evidence)
    return [`${violation.invariant}: ${violation.message}`, ...events.map((line) => `    ${line}`)].join('\n')
  })
  const more = violations.length - shown.length
  const counts = new Map<string, number>()
  for (const { invariant } of violations) counts.set(invariant, (counts.get(invariant) ?? 0) + 1)
  const sum = [...counts].map(([invariant, n]) => `${invariant} × ${n}`).join(', ')
  return [
    `${violations.length} violations (${sum})`,
    ...shown,
    ...(more > 0 ? [`… and ${more} more`] : []),
  ].join('\n')
}

/** What is known of a job, in order, faults of the processes that touched it included. */
function eventsOf(job: string, { entries, rows }: Evidence): string[] {
  const tokens = new Set<string>()
  const calls = new Set<string>()
  const processes = new Set<string>()
  const payload = rows.jobs.find(({ id }) => id === job)?.payload as { ref?: string } | undefined
  for (const entry of entries) {
    if (entry.kind === 'start' && entry.job === job) {
      tokens.add(entry.token)
      processes.add(entry.process)
    }
    const called = entry.kind === 'call' && entry.works.some(({ ref }) => ref === payload?.ref)
    const answered = entry.kind === 'ok' && entry.jobs.includes(job)
    if (called || answered) calls.add(`${entry.process}/${entry.call}`)
  }
  const first = entries[0]?.at ?? 0
  const about = entries.filter((entry) => isAbout(entry, { job, tokens, calls, processes }))
  const lines = about
    .slice(0, eventsShown)
    .map(
      ({ at, process, wall, ...rest }) =>
        `${(at - first).toFixed(1)} ${process} ${JSON.stringify(rest)} @${wall}`,
    )
  const kept = {
    job: rows.jobs.find(({ id }) => id === job),
    done: rows.done.filter((row) => row.job === job),
    ready: rows.ready.filter((row) => row.job === job),
    waiting: rows.waiting.filter((row) => row.job === job),
    effects: rows.effects.filter((row) => row.job === job),
    failures: rows.failures.filter((row) => row.job === job),
  }
  return [...lines, `rows: ${JSON.stringify(kept)}`]
}

interface About {
  readonly job: string
  readonly tokens: ReadonlySet<string>
  readonly calls: ReadonlySet<string>
  readonly processes: ReadonlySet<string>
}

function isAbout(entry: Entry, { job, tokens, calls, processes }: About): boolean {
  if ('job' in entry && entry.job === job) return true
  switch (entry.kind) {
    case 'end':
      return tokens.has(entry.token)
    case 'call':
    case 'ok':
    case 'fail':
    case 'unknown':
      return calls.has(`${entry.process}/${entry.call}`)
    case 'did':
      return entry.target === null || processes.has(entry.target)
    case 'fault':
    case 'workerFenced':
    case 'stopping':
    case 'trouble':
      return processes.has(entry.process)
    default:
      return false
  }
}
