import type { Clock } from '../rules/clock.ts'

/** Node fires longer timers after 1 ms (R6). */
const longest = 2 ** 31 - 1

/** Node's timers, for any time. */
export const afterMs: Clock['after'] = (ms, call) => start(ms, call, true)

/** The same, but the process may end before it fires. */
export const afterMsInBackground: Clock['after'] = (ms, call) => start(ms, call, false)

function start(ms: number, call: () => void, holdsProcess: boolean): () => void {
  let timer: NodeJS.Timeout
  const run = (left: number): void => {
    timer = setTimeout(() => (left > longest ? run(left - longest) : call()), Math.min(left, longest))
    if (!holdsProcess) timer.unref()
  }
  run(ms)
  return () => clearTimeout(timer)
}
