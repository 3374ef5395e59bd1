import { check, describe } from '../torture/checker.ts'
import type { Violation } from '../torture/checks/violation.ts'
import { endsJob, type Evidence, type Setting } from '../torture/evidence.ts'
import { readRows, type Rows, type RowSource } from '../torture/rows.ts'
import { Random } from '../torture/random.ts'
import type { FaultCounts, FaultName } from './faults.ts'
import type { Place } from './place.ts'
import type { Sabotage } from './sabotage.ts'
import { drainBoundMs, stopBoundMs, World } from './world.ts'

export interface Verdict {
  readonly seed: number
  readonly hash: string
  readonly events: number
  readonly jobs: number
  readonly enabled: readonly FaultName[]
  readonly faults: FaultCounts
  /** Ms of the world from the end of faults until all was done. */
  readonly drainMs: number
  readonly violations: readonly Violation[]
  /** Seed, faults, violations, last events; empty without a violation. */
  readonly report: string
}

/** Runs one world from its beginning to its end, and says what it broke. */
export async function runSeed(
  seed: number,
  place: Place,
  sabotage: Sabotage | null = null,
): Promise<Verdict> {
  const world = new World(seed, place, sabotage)
  const { stackTraceLimit } = Error
  // Errors are stored with their stacks, and a stack tells who began the simulation.
  Error.stackTraceLimit = 0
  await world.open()
  try {
    await world.trouble()
    const healedAt = world.scheduler.now
    const isDrained = await world.heal()
    const drainMs = world.scheduler.now - healedAt
    const late: Violation[] = []
    if (!isDrained)
      late.push({
        invariant: 'I-5',
        message: `work is left ${drainBoundMs} ms after the last fault`,
        job: null,
      })
    if (!(await world.stop()))
      late.push({ invariant: 'I-5', message: `a process did not stop within ${stopBoundMs} ms`, job: null })
    const source: RowSource = { kind: 'sqlite', place: place.file, schema: '', effects: '' }
    const rows = await readRows(source)
    const setting: Setting = {
      leaseMs: world.leaseMs,
      maxDeaths: 3,
      recoveryBoundMs: null,
      lapsesByItself: false,
      databaseFaults: true,
      prunable: new Set(),
    }
    let evidence: Evidence = { entries: world.entries, rows, setting }
    let violations = [...late, ...check(evidence)]
    if (violations.length === 0 && new Random(`${seed}/prune`).chance(0.1)) {
      await world.prune()
      evidence = pruned(evidence, await readRows(source))
      violations = [...check(evidence)]
    }
    world.scheduler.note(
      JSON.stringify({ ...rows, workers: rows.workers.map(({ id, until }) => [id, until]) }),
    )
    const { hash, count, recent } = world.scheduler
    const { enabled, counts } = world.faults
    return {
      seed,
      hash,
      events: count,
      jobs: rows.jobs.length,
      enabled,
      faults: counts,
      drainMs,
      violations,
      report:
        violations.length === 0
          ? ''
          : [
              `seed ${seed}, faults: ${enabled.join(', ') || 'none'} ${JSON.stringify(counts)}`,
              describe(violations, evidence),
              'last events:',
              ...recent.map((line) => `    ${line}`),
              `again: npm run sim -- --seed ${seed}${sabotage === null ? '' : ` --sabotage ${sabotage}`}`,
            ].join('\n'),
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    await world.close()
  }
}

/** All that had ended may be gone now, and then without a trace; of what an application wrote itself nothing can be told any more. */
function pruned({ entries, rows: before, setting }: Evidence, rows: Rows): Evidence {
  const ended = before.done.filter(({ outcome }) => endsJob(outcome)).map(({ job }) => job)
  const left = new Set(rows.jobs.map(({ payload }) => (payload as { readonly ref?: string }).ref))
  return {
    entries,
    rows: { ...rows, app: rows.app.filter((ref) => left.has(ref)) },
    setting: { ...setting, prunable: new Set(ended) },
  }
}
