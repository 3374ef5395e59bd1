import { Run, type Outcome } from './run.ts'
import type { Sabotage } from './sabotage.ts'
import type { Target } from './target.ts'
import type { Work } from './work.ts'

export interface FreezeOptions {
  /** Before the handler's first statement, or after it: with its transaction open. */
  readonly where: 'idle' | 'writing'
  readonly sabotage?: Sabotage
}

/**
 * A process freezes in the midst of a handler, past its lease. A rival takes its job and finishes it; then it wakes up and goes
 * on. On SQLite nobody can take anything from a process that is frozen in its transaction, so there it just wakes up.
 */
export async function frozenPastItsLease(
  target: Target,
  { where, sabotage }: FreezeOptions,
): Promise<Outcome> {
  const run = new Run(target)
  try {
    const works = [1, 2, 3].map((n): Work => {
      const freeze = { process: 'frozen.1', where }
      return { ref: `frozen ${n}`, kind: 'finalized', runMs: n, ...(n === 1 ? { freeze } : {}) }
    })
    const frozen = run.start('frozen', {
      produces: works,
      ...(sabotage === undefined ? {} : { sabotage, keeperThread: false }),
    })
    await run.reaches(frozen, 'froze itself in a handler', () => frozen.isFrozen)
    const blocks = target.kind === 'sqlite' && where === 'writing'
    if (blocks) {
      await run.reaches(frozen, 'has lost its lease', async () => (await run.workerOf(frozen)) !== 'alive')
    } else {
      await run.startHere()
      await run.reaches(frozen, 'is buried by the rival', async () => (await run.workerOf(frozen)) === 'gone')
      await run.reaches(frozen, 'has left nothing undone', () => run.drain())
    }
    run.thaw(frozen)
    await run.reaches(frozen, 'has noticed, and works again', () =>
      sabotage === undefined
        ? frozen.entries().filter(({ kind }) => kind === 'worker').length === 2
        : frozen.wrote('settled'),
    )
    return await run.finish()
  } finally {
    await run.dispose()
  }
}
