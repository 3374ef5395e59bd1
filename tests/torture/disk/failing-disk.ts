import { Run, type Outcome } from '../run.ts'
import { sqliteTarget } from '../target.ts'
import type { WorkloadProcess } from '../workload-process.ts'
import { heard } from './heard.ts'

/** A command under which calls fail or are slow, as strace's `inject` has it: `fsync:error=EIO:when=20+9`. */
export function failing(inject: string): readonly string[] {
  const call = inject.slice(0, inject.indexOf(':'))
  return [
    ...['strace', '-D', '-f', '-qq', '--seccomp-bpf', '-e', 'signal=none', '-o', '/dev/null'],
    ...['-e', `trace=${call}`, '-e', `inject=${inject}`],
  ]
}

export interface FailingDiskOptions {
  readonly inject: string
  readonly seed: number
  /** What callers and loops hear of it; null: nothing, it is only slow. */
  readonly codes: readonly string[] | null
}

/** Two workers over SQLite whose disk fails now and then: they go on unaided. */
export async function nowAndThen({ inject, seed, codes }: FailingDiskOptions): Promise<Outcome> {
  const run = new Run(await sqliteTarget(), seed)
  try {
    const workers = [1, 2].map(() => startFailing(run, inject))
    for (const worker of workers) await run.reaches(worker, 'works', () => worker.wrote('worker'))
    run.did('diskFails')
    for (const worker of workers) {
      const failures = codes === null ? 0 : 6
      await run.reaches(worker, `hears of ${failures} failures`, () => count(worker, codes) >= failures)
      const far = worker.progress + 120
      await run.reaches(worker, 'goes on', () => worker.progress >= far)
      worker.quiet()
    }
    return await run.finish({ databaseFaults: true })
  } finally {
    await run.dispose()
  }
}

/**
 * The disk fails a worker for ever: it can do nothing more. Another finishes what it held, while it lives, or after it was killed: then
 * nobody had the log open any more, and what failed to be synced may be in it or not.
 */
export async function forEver(
  { inject, seed, codes }: FailingDiskOptions,
  killed: 'first' | 'last',
): Promise<Outcome> {
  const run = new Run(await sqliteTarget(), seed)
  try {
    // strace counts the calls of each thread: one that has its own would keep the lease for long.
    const broken = startFailing(run, inject, false)
    await run.reaches(broken, 'works', () => broken.wrote('worker'))
    run.did('diskFails')
    await run.reaches(broken, 'hears of it', () => count(broken, codes) >= 3)
    if (killed === 'first') await run.kill(broken)
    const sound = run.start('sound', { produces: 'load' })
    await run.reaches(sound, 'has buried it', async () => (await run.workerOf(broken)) === 'gone')
    const far = sound.progress + 100
    await run.reaches(sound, 'goes on', () => sound.progress >= far)
    sound.quiet()
    if (killed === 'last') await run.kill(broken)
    return await run.finish({ databaseFaults: true })
  } finally {
    await run.dispose()
  }
}

function startFailing(run: Run, inject: string, keeperThread = true): WorkloadProcess {
  return run.start('failing', {
    produces: 'load',
    keeperThread,
    config: { patience: '300ms' },
    launch: { under: failing(inject) },
  })
}

function count(worker: WorkloadProcess, codes: FailingDiskOptions['codes']): number {
  return heard(worker).filter((code) => codes?.includes(code) === true).length
}
