import type { Chance } from '../kernel/rules/clock.ts'

/**
 * Chance of a test: the same bytes each time, so that ids repeat, and the longest draw of every jitter, so that a retry waits
 * exactly as long as its policy allows (1 second, 2 seconds, 4 seconds…).
 */
export function repeatableChance(): Chance {
  let state = 0x2545f491
  const byte = (): number => {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state & 0xff
  }
  return {
    next: () => 1 - Number.EPSILON / 2,
    bytes: (n) => Uint8Array.from({ length: n }, byte),
  }
}
