import { Random } from '../random.ts'
import { Run, type Outcome } from '../run.ts'
import type { Target } from '../target.ts'
import type { WorkloadProcess } from '../workload-process.ts'
import { codesOfCalls, heard } from './heard.ts'

/** The target's disk, or one of its disks. */
export interface FullDisk {
  /** Asked again until all have heard of it: databases make room, too. */
  fill(workers: readonly WorkloadProcess[]): Promise<void>
  /** Makes room, and whatever else it takes that the database can be used again. */
  free(workers: readonly WorkloadProcess[]): Promise<void>
  /** What callers and loops may hear of it. */
  readonly codes: readonly string[]
  /** No lease can be renewed, and that can be seen. (PostgreSQL finds room within its tables, or is away.) */
  readonly lapses: boolean
}

export interface FullDiskOptions {
  readonly times: number
  readonly seed: number
}

/**
 * The disk fills up under load, for a moment or for longer than a lease, so that everybody hears of it, and becomes free again.
 * The workers go on unaided.
 */
export async function fullDisks(
  target: Target,
  disks: readonly FullDisk[],
  { times, seed }: FullDiskOptions,
): Promise<Outcome> {
  const run = new Run(target, seed)
  const random = new Random(seed)
  try {
    const start = (): WorkloadProcess =>
      run.start('worker', { produces: 'load', config: { patience: '150ms' } })
    const workers = [start(), start()]
    for (let n = 0; n < times; n += 1) {
      const disk = disks[n % disks.length] as FullDisk
      for (const worker of workers) {
        const far = worker.progress + random.whole(50, 250)
        await run.reaches(worker, 'goes on', () => worker.progress >= far)
      }
      const longer = n === 0 || random.chance(0.5)
      const [before, leases] = [workers.map(heard), workers.map(registrations)]
      run.did('diskFails')
      await disk.fill(workers)
      for (const [place, worker] of workers.entries()) {
        await run.reaches(worker, 'hears that the disk is full', async () => {
          await disk.fill(workers)
          return heard(worker)
            .slice(before[place]?.length)
            .some((code) => disk.codes.includes(code))
        })
        if (longer && !disk.lapses) {
          const refused = codesOfCalls(worker.entries()).length
          await run.reaches(
            worker,
            'has callers that hear it',
            () => codesOfCalls(worker.entries()).length > refused + 8,
          )
        }
        if (longer && disk.lapses)
          await run.reaches(
            worker,
            'has lost its lease',
            async () => (await run.workerOf(worker)) !== 'alive',
          )
      }
      await disk.free(workers)
      run.did('diskWorks')
      for (const [place, worker] of workers.entries()) {
        await run.reaches(worker, 'enqueues and settles again', () => isBack(worker))
        if (longer && disk.lapses)
          await run.reaches(worker, 'has begun anew', () => registrations(worker) > (leases[place] ?? 0))
      }
    }
    for (const worker of workers) worker.quiet()
    return await run.finish({ databaseFaults: true })
  } finally {
    await run.dispose()
  }

  function isBack(worker: WorkloadProcess): boolean {
    const free = run.entries().findLast((entry) => entry.kind === 'did' && entry.action === 'diskWorks')
    const since = worker.entries().filter(({ at }) => at > (free?.at ?? 0))
    return ['ok', 'settled'].every((kind) => since.some((entry) => entry.kind === kind))
  }
}

function registrations(worker: WorkloadProcess): number {
  return worker.entries().filter(({ kind }) => kind === 'worker').length
}
