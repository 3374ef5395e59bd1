import type { JobId } from '../../kernel/rules/execution.ts'
import { outcomes } from '../../kernel/rules/outcome.ts'
import type { LockedState } from '../../kernel/storage/states.ts'
import {
  after,
  batchOf,
  begun,
  changeOf,
  paced,
  type Batch,
  type BatchData,
  type Left,
  type PieceEnd,
  type Tracks,
  type Work,
} from './rules.ts'
import { nextAside, nextOf, type SourceEnv } from './source.ts'

/** What a track makes of its batch with each piece. */
export interface TrackRules {
  readonly total: (kept: BatchData['state']) => BatchData['state']
  readonly scope: (now: number) => number
}

type Shared = Batch & { readonly data: BatchData & { readonly tracks: Tracks } }

/**
 * One of the jobs that the chunks of a batch are shared out to. Its own state holds the piece it is at, as that of any batch does; the batch's
 * state how far the source is handed out, the counts and `ctx.state`. That one is locked last of all, after whatever a chunk has done, and written
 * in the same transaction.
 */
export class Track {
  readonly #env: SourceEnv
  readonly #id: JobId

  /** `env.job` is the batch. */
  constructor(env: SourceEnv, id: JobId) {
    this.#env = env
    this.#id = id
  }

  /** It takes its first piece. */
  async begin(): Promise<Left> {
    const locked = await this.#env.states.lock(this.#env.job)
    const batch = locked === null ? null : sharedOf(locked)
    // Nobody else may take of it: a track that was tried again by hand would not be waited for.
    if (locked === null || batch === null || locked.ended || !batch.data.tracks.open.includes(this.#id))
      return this.#over()
    const { source, scope, tracks } = batch.data
    const work = await nextOf(this.#env, source, scope, tracks.taken)
    await this.#put(locked, work === null ? without(batch, this.#id) : taking(batch, work))
    if (work === null) return { kind: 'end', outcome: outcomes.completed, error: null }
    const of = { source, work, scope, asidesOf: this.#env.job, state: null, chunk: tracks.pieces + 1 }
    return { kind: 'next', batch: begun({ ...of, total: null, totalChunks: null }), records: 0 }
  }

  /** The piece of `own` has ended: the batch hears of it, and gives the next one. */
  async goOn(own: Batch, end: PieceEnd, rules: TrackRules): Promise<Left> {
    const locked = await this.#env.states.lock(this.#env.job)
    const shared = locked === null ? null : sharedOf(locked)
    if (locked === null || shared === null) return this.#over()
    const { data } = shared
    const state = end.kind === 'applied' ? rules.total(data.state) : data.state
    const counted = after(shared, end, data.work, state)
    const scope = rules.scope(data.scope)
    const pace = paced(data.pace, end.records, locked.now - data.at)
    const batch: Shared = {
      ...counted,
      data: { ...counted.data, tracks: data.tracks, scope, pace, at: locked.now },
    }
    if (locked.ended) {
      await this.#put(locked, batch)
      return { ...this.#over(), batch: after(own, end, { kind: 'finish' }, null) }
    }
    const isOfSource = own.data.work.kind !== 'aside'
    const more = isOfSource ? await nextOf(this.#env, data.source, scope, data.tracks.taken) : null
    const next = more ?? (await nextAside(this.#env, this.#env.job, this.#id))
    const mine = after(own, end, next, null)
    if (next.kind === 'finish') {
      await this.#put(locked, without(batch, this.#id))
      const outcome = mine.counts.errors > 0 ? outcomes.completedWithErrors : outcomes.completed
      return { kind: 'end', outcome, error: mine.error, batch: mine }
    }
    await this.#put(locked, taking(batch, next))
    const chunk = data.tracks.pieces + 1
    return {
      kind: 'next',
      batch: { ...mine, data: { ...mine.data, scope, chunk } },
      records: end.records,
    }
  }

  async #put({ seq }: LockedState, batch: Shared): Promise<void> {
    const { states, job } = this.#env
    await states.put(job, changeOf(batch, seq))
    // Its finish has waited for the last one.
    if (batch.data.tracks.open.length === 0) await states.hasten(job)
  }

  #over(): Extract<Left, { kind: 'end' }> {
    const message = `The batch ${this.#env.job} has ended.`
    return {
      kind: 'end',
      outcome: outcomes.aborted,
      error: { name: 'MillraceError', code: 'MILL_ABORTED', message },
    }
  }
}

function sharedOf(state: LockedState): Shared | null {
  const batch = batchOf(state)
  const { tracks } = batch.data
  return tracks === undefined ? null : { ...batch, data: { ...batch.data, tracks } }
}

/** Halves that a track made are its own, but they count as pieces. */
function taking(batch: Shared, work: Work): Shared {
  const { tracks } = batch.data
  const taken = work.kind === 'aside' ? tracks.taken : work
  return { ...batch, data: { ...batch.data, tracks: { ...tracks, taken, pieces: tracks.pieces + 1 } } }
}

function without(batch: Shared, track: JobId): Shared {
  const { tracks } = batch.data
  const open = tracks.open.filter((id) => id !== track)
  return { ...batch, data: { ...batch.data, tracks: { ...tracks, open } } }
}
