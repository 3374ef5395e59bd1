import { faultMoments, type FaultPoint } from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import { faultCases, type FaultCase } from './fault-cases.ts'
import { deadWorker, faultAt, reachesFault, relieve } from './fault-points.ts'
import { Random } from './random.ts'
import { readRows } from './rows.ts'
import type { Run, Outcome } from './run.ts'
import type { Target } from './target.ts'
import type { Work } from './work.ts'
import type { WorkloadProcess } from './workload-process.ts'

/** A process is killed at a point, and whoever cleans up after it is killed or frozen at a point of its own. */
export interface DoubleFault {
  readonly first: FaultCase
  readonly second: { readonly point: FaultPoint; readonly action: 'kill' | 'stop' }
}

const recovering = ['rescue', 'claim', 'settle', 'finalizer'] as const

/** So that every point of the second process is reached, whatever the first has left. */
const own: readonly Work[] = [1, 2, 3].flatMap((n): Work[] => [
  { ref: `own ${n}`, kind: 'finalized', runMs: 2, quiet: true },
  { ref: `own effect ${n}`, kind: 'effect', runMs: 2 },
])

/** All of them, in an order that the seed gives: a part of it is a sample. */
export function doubleFaults(database: 'sqlite' | 'postgres', seed: number): readonly DoubleFault[] {
  const firsts = faultCases(database).filter(
    ({ action, approach }) => action === 'kill' && !approach.sabotage,
  )
  const seconds = recovering.flatMap((step) =>
    faultMoments.flatMap((moment) =>
      (['kill', 'stop'] as const).map((action) => ({ point: `${step}:${moment}` as const, action })),
    ),
  )
  const random = new Random(seed)
  return firsts
    .flatMap((first) => seconds.map((second) => ({ first, second, place: random.next() })))
    .sort((a, b) => a.place - b.place)
}

export function nameOf({ first, second }: DoubleFault): string {
  return `kill at ${first.point} (${first.approach.name}), then ${second.action} at ${second.point}`
}

/** Rejects when one of the two points was not reached. */
export function faultTwice(target: Target, { first, second }: DoubleFault): Promise<Outcome> {
  return faultAt(target, first, {
    overcome: async (run, armed) => {
      await armed.gone
      // There must be something to rescue.
      if (second.point.startsWith('rescue') && !(await hasLeft(run, armed))) await deadWorker(run)
      const rescuer = run.start('rescuer', {
        armed: { ...second, nth: 1 },
        produces: own,
        keeperThread: false,
      })
      if (second.action === 'kill') rescuer.expectDeath()
      await reachesFault(run, rescuer, second.point)
      await relieve(run, rescuer, { ...second, approach: { name: 'a rescue', works: own } })
    },
  })
}

async function hasLeft(run: Run, process: WorkloadProcess): Promise<boolean> {
  // Before that there may be no tables.
  return process.wrote('worker') && (await readRows(run.target.source)).leases.length > 0
}
