import type { Cluster } from './cluster.ts'
import { faultCases, type FaultCase } from './fault-cases.ts'
import { faultAt } from './fault-points.ts'
import type { Outcome } from './run.ts'
import { postgresTarget } from './target.ts'
import { underLoad } from './under-load.ts'

export interface CrashOptions {
  readonly times: number
  readonly workers: number
  readonly seed: number
}

/** Immediate stops of the server under load; the workers live through them. */
export async function crashesUnderLoad(cluster: Cluster, options: CrashOptions): Promise<Outcome> {
  return underLoad(await postgresTarget(cluster.url), options, async ({ run }) => {
    run.did('crash')
    await cluster.crash()
    await cluster.restart()
    run.did('restart')
  })
}

const recovering = /^(rescue|finalizer|claim|settle):/

/** Where the server is stopped while a process claims, settles or cleans up. */
export const crashPoints: readonly FaultCase[] = faultCases('postgres').filter(
  ({ point, action, approach }) => action === 'stop' && recovering.test(point) && approach.only === undefined,
)

/** The server is stopped at once when a process has reached the point; the process lives through it and finishes all by itself. */
export async function crashAt(cluster: Cluster, faultCase: FaultCase): Promise<Outcome> {
  return faultAt(await postgresTarget(cluster.url), faultCase, {
    setting: { databaseFaults: true },
    overcome: async (run, armed) => {
      await run.reaches(armed, 'is frozen', () => armed.isFrozen)
      run.did('crash')
      await cluster.crash()
      await cluster.restart()
      run.did('restart')
      run.thaw(armed)
      const here = await run.startHere({ works: false })
      await here.enqueueAll([{ ref: 'afterwards', kind: 'finalized', runMs: 1 }])
    },
  })
}
