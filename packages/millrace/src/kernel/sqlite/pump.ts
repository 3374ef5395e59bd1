import type { Moved } from '../storage/waiting.ts'
import type { Writing } from './database.ts'
import { activeJobs, keyColumns, someoneWaits, tokensNow, usedPermits, type KeyRow } from './limit-key.ts'
import { wakeGate } from './wake.ts'

const keysAtOnce = 500
/** How often a key that somebody waits for is looked at: the backstop for lost wakes. */
const lookAgainMs = 1_000

/** Wakes those who wait for keys whose time has come. */
export function pump(writing: Writing): Moved & { readonly nextInMs: number | null } {
  const { connection, now } = writing
  const keys = connection.all<KeyRow>(
    `select ${keyColumns} from millrace_limit_key where next <= ? order by next limit ?`,
    ...[now, keysAtOnce],
  )
  const lanes = new Set<number>()
  let moved = 0
  for (const key of keys) {
    const woken = pumpKey(writing, key)
    moved += woken.moved
    for (const lane of woken.lanes) lanes.add(lane)
  }
  const soonest = connection.get<{ next: number | null }>(
    'select min(next) as next from millrace_limit_key where next is not null',
  )?.next
  return {
    moved,
    lanes: [...lanes],
    nextInMs: typeof soonest === 'number' ? Math.max(0, soonest - now) : null,
  }
}

/** Wakes who has room at a key, and says when it is to be looked at again. */
export function pumpKey(writing: Writing, key: KeyRow): Moved {
  const { connection, now } = writing
  const room = Math.min(freeSlots(writing, key), Math.floor(tokensNow(key, now)))
  const woken = wakeGate(writing, key.id, room, key.flex === 1)
  const next = someoneWaits(connection, key.id) ? now + waitFor(key, woken.moved, now) : null
  connection.run('update millrace_limit_key set next = ? where id = ?', next, key.id)
  return woken
}

/** Slots per process are free somewhere if they are free over all: the claim finds out where. */
function freeSlots({ connection, now }: Writing, key: KeyRow): number {
  if (key.slots === null) return Number.POSITIVE_INFINITY
  if (key.flex === 1) return Math.max(0, key.slots - activeJobs(connection, key.id).length)
  const used = usedPermits(connection, key.id, null)
  if (key.per_process === 0) return Math.max(0, key.slots - used)
  const workers = connection.get<{ n: number }>(
    'select count(*) as n from millrace_worker where until > ?',
    now,
  )
  return Math.max(0, key.slots * Math.max(1, workers?.n ?? 0) - used)
}

/** Until the next token beyond those that the woken will take; without a rate, until the next look. */
function waitFor(key: KeyRow, woken: number, now: number): number {
  if (key.burst === null || key.per_ms === null || key.per_ms <= 0) return lookAgainMs
  const missing = woken + 1 - tokensNow(key, now)
  if (missing <= 0) return lookAgainMs
  return Math.max(1, Math.ceil(missing / key.per_ms))
}
