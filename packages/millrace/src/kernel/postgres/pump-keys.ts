import type { Moved } from '../storage/waiting.ts'
import { activeJobs, readKeys, tokensOf, type KeyRow } from './limit-keys.ts'
import type { Session } from './pool.ts'
import { plain, statement } from './statement.ts'
import { wake } from './wake.ts'

/** A new statement, so that it sees whom the last one left waiting; one that is due later waits for that alone, and has no tenant there yet. */
const scheduleKeys = statement(
  'pump_schedule',
  `update millrace.limit_key set next = case
     when exists (select from millrace.waiting where gate = id and tenant is not null) then clock_timestamp() + k.delay * interval '1 ms'
   end
   from unnest($keys::int[], $delays::float8[]) as k (key, delay)
   where id = k.key`,
)

/** Who has ended counts no more, so this is for tidiness alone. */
const dropEnded = statement(
  'flex_drop_ended',
  `delete from millrace.flex_active f where f.key = any ($keys::int[])
     and f.job not in (select job from ${activeJobs('f.key')} as active)`,
)

/** Without a limit to hold them back, waiters come in portions. */
const portion = 1_000
const slotCheckMs = 1_000
const longestCheckMs = 3_600_000

/** Wakes who has room at these keys, which the caller has locked, and says when each is to be looked at again. */
export async function pumpKeys(session: Session, channel: string, ids: readonly number[]): Promise<Moved> {
  // A key per process has room wherever the asker is: null = nobody in particular.
  const keys = await readKeys(session, ids, null)
  const moved = await wake(
    session,
    channel,
    keys.map((key) => ({ key: key.id, n: roomOf(key) })),
  )
  await session.run(scheduleKeys, {
    keys: plain(keys.map((key) => key.id)),
    delays: plain(keys.map(checkInMs)),
  })
  const queues = keys.flatMap(({ id, flex }) => (flex ? [id] : []))
  if (queues.length > 0) await session.run(dropEnded, { keys: plain(queues) })
  return moved
}

function roomOf(key: KeyRow): number {
  const used = key.per_process ? 0 : key.used
  const slots = key.slots === null ? Infinity : key.slots - used
  return Math.max(0, Math.min(portion, slots, Math.floor(tokensOf(key) + 1e-9)))
}

/** When the next token comes, if tokens are what is missing; else the backstop for slots. */
function checkInMs(key: KeyRow): number {
  const tokens = tokensOf(key)
  if (tokens === Infinity || key.per_ms === null) return slotCheckMs
  const missing = Math.floor(tokens + 1e-9) + 1 - tokens
  const tokenInMs = Math.min(longestCheckMs, Math.max(1, Math.ceil(missing / key.per_ms)))
  return key.slots === null ? tokenInMs : Math.max(tokenInMs, slotCheckMs)
}
