import type { Clock } from '../rules/clock.ts'
import { isBusy } from './errors.ts'

export interface BusyOptions {
  readonly after: Clock['after']
  /** Then the last error is thrown. */
  readonly boundMs: number
}

/** Event-loop turns in which a busy database is tried again at once; then each millisecond. */
const eagerTries = 20

/**
 * Tries until no other process is in the way. SQLite's own busy_timeout would wait inside the event loop and, against a
 * busy neighbour, starve (performance.md 5).
 */
export async function retryBusy<T>(options: BusyOptions, attempt: () => T): Promise<T> {
  const start = performance.now()
  for (let tries = 0; ; tries += 1) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() - start >= options.boundMs) throw error
    }
    if (tries < eagerTries) await new Promise((resolve) => setImmediate(resolve))
    else await pause(options.after)
  }
}

/** Up to 2 ms of jitter; Node's shortest timer is 1 ms. */
function pause(after: Clock['after']): Promise<void> {
  return new Promise((resolve) => {
    after(1 + Math.random(), resolve)
  })
}
