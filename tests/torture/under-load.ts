import type { MillConfig } from '../../packages/millrace/src/index.ts'
import type { Setting } from './evidence.ts'
import { Random } from './random.ts'
import { Run, type Outcome } from './run.ts'
import type { Target } from './target.ts'
import type { WorkloadProcess } from './workload-process.ts'

export interface LoadOptions {
  readonly times: number
  readonly workers: number
  readonly seed: number
  readonly config?: MillConfig
  readonly setting?: Partial<Setting>
}

export interface Load {
  readonly run: Run
  readonly random: Random
  readonly processes: readonly WorkloadProcess[]
}

/**
 * Does the fault so many times to processes that produce and work, and that live through it: after each everybody must get work
 * done again, unaided. Then drains and checks.
 */
export async function underLoad(
  target: Target,
  { times, workers, seed, config = {}, setting = {} }: LoadOptions,
  fault: (load: Load, n: number) => Promise<void>,
): Promise<Outcome> {
  const random = new Random(seed)
  const run = new Run(target, seed)
  try {
    const processes = Array.from({ length: workers }, () => run.start('worker', { produces: 'load', config }))
    const work = async (least: number, most: number): Promise<void> => {
      for (const process of processes) {
        const far = process.settles + random.whole(least, most)
        await run.reaches(process, `works, up to ${far} settles`, () => process.settles >= far)
      }
    }
    for (let n = 0; n < times; n += 1) {
      await work(5, 40)
      await fault({ run, random, processes }, n)
    }
    await work(10, 10)
    for (const process of processes) process.quiet()
    return await run.finish({ databaseFaults: true, ...setting })
  } finally {
    await run.dispose()
  }
}
