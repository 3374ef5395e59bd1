import { randomFillSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Chance, Clock } from '../rules/clock.ts'

/** The longest timer Node keeps; above, it fires after 1 ms (R6). */
const longestTimer = 2 ** 31 - 1

/** The machine's clock. Its timers keep the process alive: a started worker, or a wait for a job, does. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, call) {
    let left = Math.max(0, ms)
    let timer: NodeJS.Timeout
    const arm = (): void => {
      const step = Math.min(left, longestTimer)
      left -= step
      timer = setTimeout(() => (left > 0 ? arm() : call()), step)
    }
    arm()
    return () => clearTimeout(timer)
  },
}

const pool = Buffer.alloc(4096)
let used = pool.length

export const systemChance: Chance = {
  next: () => Math.random(),
  bytes(n) {
    if (used + n > pool.length) {
      randomFillSync(pool)
      used = 0
    }
    const bytes = pool.subarray(used, used + n)
    used += n
    return bytes
  },
}
