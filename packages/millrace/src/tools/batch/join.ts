import type { Claimed, JobId } from '../../kernel/rules/execution.ts'
import { outcomes, type Outcome, type StoredError } from '../../kernel/rules/outcome.ts'
import { Snooze } from '../../kernel/runtime/execution-scope.ts'
import type { History } from '../../kernel/storage/history.ts'
import type { NewJob } from '../../kernel/storage/jobs.ts'
import type { Batch } from './rules.ts'

/** The last track hastens the finish of its batch; one that could not is found out after so long. */
export const recheckMs = 5_000
const hookRecheckMs = 500

/** Jobs of the same batch with the same input: in its lane, under its limits, tags and deadline, but nothing is told of their ends. */
export function newTracks(
  { job, lane, prio, payload, options }: Claimed,
  n: number,
  newId: () => JobId,
): NewJob[] {
  const { finalizer: _, delayMs: __, retryOf: ___, flex: ____, ...kept } = options ?? {}
  return Array.from({ length: n }, () => ({
    ...{ id: newId(), lane, prio, parent: job, payload, due: null, unique: null, args: [] },
    options: { ...kept, partOf: job },
  }))
}

/** Comes again later while one of these has not ended. */
export async function whileRunning(tracks: readonly JobId[], history: History): Promise<void> {
  const records = tracks.length === 0 ? [] : await history.jobs(tracks)
  if (records.some(({ facts }) => facts.ended === null)) throw new Snooze(hookRecheckMs)
}

/**
 * The batch when all tracks are through, else how one of those that ended otherwise has ended; comes again later while one runs. How they stand is
 * looked at before `read` looks at the batch: a track leaves that with its own end.
 */
export async function endOfTracks(
  open: readonly JobId[],
  history: History,
  read: () => Promise<Batch>,
): Promise<
  | { readonly batch: Batch }
  | { readonly outcome: Outcome; readonly error: StoredError; readonly batch?: never }
> {
  const records = open.length === 0 ? [] : await history.jobs(open)
  const batch = await read()
  const left = new Set(batch.data.tracks?.open)
  if (left.size === 0) return { batch }
  const standing = records.filter(({ id }) => left.has(id))
  if (standing.some(({ facts }) => facts.ended === null)) throw new Snooze(recheckMs)
  const [first] = standing
  const ended = first?.facts.ended
  const outcome = ended === outcomes.aborted || ended === outcomes.expired ? ended : outcomes.failed
  const message = `Track ${first?.id ?? [...left].join(', ')} of the batch ended before it was through.`
  return { outcome, error: first?.error ?? { name: 'Error', message } }
}
