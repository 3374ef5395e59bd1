import { v7 } from 'uuid'
import type { JobId } from './execution.ts'

const poolSize = 4000
const perId = 10
const perMs = 65_536
const maxMs = 2 ** 48 - 1

/**
 * Makes job ids: UUIDv7, strictly rising within the source, also within one ms and when `now` (epoch ms) goes back. 32 bits
 * count within a ms, from a random start in the lower half; 42 bits are chance in each id. More than 65,536 ids in a ms
 * borrow the next one. `bytes(n)` gives n random bytes and is asked for some thousand at a time.
 */
export function createIdSource(now: () => number, bytes: (n: number) => Uint8Array): () => JobId {
  let pool: Uint8Array = new Uint8Array()
  let used = 0
  let msecs = -1
  let seq = 0
  let end = 0
  const random = new Uint8Array(16)

  return () => {
    if (used + perId > pool.length) {
      pool = bytes(poolSize)
      used = 0
    }
    random.set(pool.subarray(used, used + perId), 6)
    used += perId
    const time = Math.trunc(now())
    seq += 1
    if (time > msecs || seq >= end) {
      msecs = Math.max(time, msecs + 1)
      seq = startOf(random)
      end = seq + perMs
    }
    return v7({ msecs, seq, random })
  }
}

/** 31 random bits of the bytes that v7 itself leaves unused. */
function startOf(random: Uint8Array): number {
  return new DataView(random.buffer).getUint32(6) >>> 1
}

/** Epoch ms at which the id was made, by the clock of its process. */
export function idTime(id: JobId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** Whether this is a UUIDv7 in canonical lower-case form. */
export function isJobId(text: unknown): text is JobId {
  return (
    typeof text === 'string' &&
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text)
  )
}

/** No id made at or after this epoch ms is less. Times out of range give the nearest bound. */
export function idFloor(ms: number): JobId {
  return `${timePart(ms)}-7000-8000-000000000000`
}

/** No id made at or before this epoch ms is greater. */
export function idCeiling(ms: number): JobId {
  return `${timePart(ms)}-7fff-bfff-ffffffffffff`
}

function timePart(ms: number): string {
  const hex = Math.min(maxMs, Math.max(0, Math.floor(ms)))
    .toString(16)
    .padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}`
}
