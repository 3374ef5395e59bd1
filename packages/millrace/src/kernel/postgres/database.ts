import type { Clock } from '../rules/clock.ts'
import type { Faults, FaultPoint, faultSteps } from '../rules/fault-point.ts'
import type { Pool } from './pool.ts'
import type { PostgresWakeups } from './wakeups.ts'

/** What the stores share. */
export interface Database {
  /** Transactions of handlers and applications, and nothing they may wait for: plain settings. */
  readonly main: Pool
  /** Reads of users outside of transactions, and streams, which keep their connection: plain settings. */
  readonly readers: Pool
  /** Groups and whatever is short: plans that never scan a whole table. */
  readonly hot: Pool
  /** Claims and heartbeats: as `hot`, and COMMIT does not wait for the disk (losing one is harmless). */
  readonly claims: Pool
  /** Lists, counts, the pruner and enqueues under unique keys, which may take long: as `hot`, and nothing waits behind them. */
  readonly background: Pool
  readonly wakeups: PostgresWakeups
  readonly after: Clock['after']
  readonly faults: Faults | undefined
  readonly release: string
}

export type FaultStep = (typeof faultSteps)[number] | 'schedule' | 'page'

/** Runs one statement that is a transaction of its own between its two fault points. */
export async function committing<T>(
  faults: Faults | undefined,
  step: FaultStep | readonly FaultStep[],
  run: () => Promise<T>,
): Promise<T> {
  if (faults === undefined) return run()
  await hit(faults, step, 'before-commit')
  const value = await run()
  await hit(faults, step, 'after-commit')
  return value
}

export async function hit(
  faults: Faults | undefined,
  step: FaultStep | readonly FaultStep[],
  moment: 'before-commit' | 'after-commit',
): Promise<void> {
  if (faults === undefined) return
  for (const one of typeof step === 'string' ? [step] : step) {
    await faults.hit(`${one}:${moment}` satisfies FaultPoint)
  }
}
