import { MillraceError } from '../../kernel/rules/errors.ts'
import type { JobId } from '../../kernel/rules/execution.ts'
import { outcomes, type StoredError } from '../../kernel/rules/outcome.ts'
import { phases } from '../../kernel/rules/state.ts'
import { reviveError } from '../../kernel/rules/stored-error.ts'
import { Skip, type ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import type { History } from '../../kernel/storage/history.ts'
import type { StateAccess } from '../../kernel/storage/states.ts'
import { closePages } from '../../records/page/pager.ts'
import { decode } from '../codec.ts'
import { validate } from '../definition.ts'
import type { ContextServices } from '../handler-context.ts'
import { storeResult, type ResultServices } from '../store-result.ts'
import { countOf, partsOf, type AsidePart, type Contents } from './asides.ts'
import { ScopedBatchContext } from './batch-context.ts'
import { keep, revive, stateOfChunk, total } from './batch-state.ts'
import type { BatchDefinition, BatchEnd } from './define.ts'
import { endOfTracks, newTracks, recheckMs, whileRunning } from './join.ts'
import {
  after,
  batchOf,
  begun,
  phaseOf,
  type Batch,
  type BatchData,
  type Left,
  type PieceEnd,
  type Source,
} from './rules.ts'
import { adaptable, autoScope, isContention, nextScope } from './scope.ts'
import {
  contents,
  nextAside,
  nextOf,
  openQuery,
  queryOrRows,
  read,
  storeRows,
  type Piece,
  type SourceEnv,
} from './source.ts'
import { openSql } from './sql-source.ts'
import { Track } from './track.ts'

export interface BatchServices extends ContextServices, ResultServices {
  readonly defaultTimeoutMs: number
  /** Beside the attempt's transaction. */
  readonly states: StateAccess
  readonly history: History
  readonly newId: () => JobId
  /** Ms of a steady clock. */
  readonly monotonic: () => number
}

/** So many executions in a row that set a chunk aside may be given up themselves. */
const mostInVain = 3

/** One execution of a batch, or of one of its tracks. What it leaves in `scope.left` is all that its decision knows. */
export class BatchExecution {
  readonly #definition: BatchDefinition
  readonly #services: BatchServices
  readonly #scope: ExecutionScope
  readonly #where: string
  /** The batch: another job where this is a track. */
  readonly #job: JobId
  readonly #begunAt: number

  constructor(definition: BatchDefinition, services: BatchServices, scope: ExecutionScope) {
    this.#definition = definition
    this.#services = services
    this.#scope = scope
    this.#where = `batch ${definition.name}`
    this.#job = scope.run.options?.partOf ?? scope.run.job
    this.#begunAt = services.monotonic()
  }

  async run(): Promise<string | undefined> {
    const { seq, job } = this.#scope.run
    if (seq < 0) return this.#hook()
    if (seq === 0) {
      this.#leave({ kind: 'trying', once: false, endsJob: true })
      return this.#isTrack ? this.#beginTrack() : this.#start()
    }
    const { states } = await this.#scope.transaction()
    const standing = await states.get(job)
    if (standing === null) {
      this.#leave({ kind: 'trying', once: true, endsJob: true })
      throw new MillraceError('MILL_INTERNAL', `batch ${job} has no state for its execution ${seq}`)
    }
    if (standing.aborting || (this.#isTrack && (await states.hasEnded(this.#job)))) this.#stop()
    const batch = batchOf(standing)
    const { failure } = standing
    if (standing.seq !== seq) return this.#setAside(batch, seq - standing.seq, failure)
    return batch.data.work.kind === 'finish' ? this.#finish(batch) : this.#chunk(batch, failure)
  }

  get #isTrack(): boolean {
    return this.#job !== this.#scope.run.job
  }

  async #beginTrack(): Promise<undefined> {
    this.#leave(await new Track(await this.#env(), this.#scope.run.job).begin())
    return undefined
  }

  async #start(): Promise<undefined> {
    const { run } = this.#scope
    const { by } = this.#definition
    const wanted = run.options?.scope ?? this.#definition.scope
    const isAuto = wanted === 'auto'
    const size = isAuto ? autoScope.first : wanted
    const ctx = await this.#context(null)
    let source: Source = { kind: 'none' }
    let total: number | null
    let totalChunks: number | null
    const asidesOf = run.options?.asidesOf
    if (asidesOf === undefined) {
      const given = await queryOrRows(this.#definition.start(ctx.input, ctx), this.#where)
      const { snapshot } = this.#definition
      if (snapshot === true && 'sql' in given)
        throw new MillraceError(
          'MILL_BATCH_START_INVALID',
          `${this.#where} has a snapshot, which SQL of its start cannot have: yield its rows instead`,
        )
      const opened =
        'sql' in given
          ? await openSql((await this.#env()).records.database, given.sql, this.#where)
          : 'query' in given
            ? await openQuery((await this.#env()).records, given.query, {
                snapshot: by === 'range' ? false : snapshot,
              })
            : await storeRows(given.rows, this.#scope, this.#services.states, { size, where: this.#where })
      ;({ source, total } = opened)
      if (by === 'range' && source.kind !== 'keys' && source.kind !== 'sql')
        throw new MillraceError(
          'MILL_BATCH_START_INVALID',
          `${this.#where} is by range, so its start must give a query`,
        )
      totalChunks = total === null ? null : Math.ceil(total / size)
    } else {
      const { states } = await this.#env()
      const origin = await states.get(asidesOf)
      if (origin !== null) source = batchOf(origin).data.source
      const taken = await states.takeAsides(asidesOf, run.job, run.options?.ownAsides ? [] : undefined)
      total = taken.records
      totalChunks = taken.asides
    }
    const env = await this.#env()
    const first = asidesOf === undefined ? await nextOf(env, source, size, null) : null
    const data = { source, asidesOf: asidesOf ?? run.job, scope: size, total }
    const state = keep(ctx.state, this.#definition)
    const chunks = isAuto && adaptable({ source, work: { kind: 'finish' } }) ? null : totalChunks
    const tracks = first === null ? 0 : Math.min(this.#definition.concurrency, totalChunks ?? Infinity)
    if (tracks > 1) {
      const jobs = newTracks(run, tracks, this.#services.newId)
      this.#scope.enqueue(jobs)
      const shared = { open: jobs.map(({ id }) => id), taken: null, pieces: 0 }
      const batch = begun({ ...data, work: { kind: 'finish' }, totalChunks: chunks, state, tracks: shared })
      this.#leave({ kind: 'next', batch, records: 0, waitMs: recheckMs })
      return undefined
    }
    const work = first ?? (await nextAside(env, data.asidesOf, run.job))
    this.#leave({
      kind: 'next',
      batch: begun({ ...data, work, totalChunks: chunks, state }),
      records: 0,
    })
    return undefined
  }

  async #chunk(batch: Batch, failure: StoredError | null): Promise<undefined> {
    const { data } = batch
    const { work, asidesOf } = data
    const env = await this.#env()
    const isHalf = work.kind === 'aside' && work.count > 1 && this.#definition.bisect
    this.#leave({ kind: 'trying', once: isHalf, endsJob: false })
    const { records, range, count } = await read(env, this.#piece(data))
    const ctx = await this.#context(data, range)
    if (range !== null || records.length > 0) {
      try {
        await this.#definition.execute(records as never, ctx)
      } catch (thrown) {
        // There was nothing to do with these records.
        if (!(thrown instanceof Skip)) throw thrown
      }
    }
    if (work.kind === 'aside') await (await this.#env()).states.dropAside(asidesOf, work.number)
    await this.#goOn(batch, { kind: 'applied', records: count }, { state: ctx.state, failure })
    return undefined
  }

  /** What comes after a piece: more of the source, then what was halved, then the finish. `failure`: of an earlier attempt of it. */
  async #goOn(
    batch: Batch,
    end: PieceEnd,
    { state, failure }: { readonly state?: unknown; readonly failure: StoredError | null },
  ): Promise<void> {
    const env = await this.#env()
    const { data } = batch
    const { records } = end
    const ms = this.#services.monotonic() - this.#begunAt
    const run = { scope: data.scope, records, ms, contended: isContention(failure) }
    const isAuto = this.#definition.scope === 'auto' && adaptable(data)
    const scopeOf = (now: number): number => (isAuto ? nextScope(now, run) : now)
    const atOnce = this.#isTrack
    const totalOf = (kept: BatchData['state']): BatchData['state'] =>
      total(this.#definition, kept, state, { atOnce })
    if (atOnce) {
      const track = new Track(env, this.#scope.run.job)
      this.#leave(await track.goOn(batch, end, { total: totalOf, scope: scopeOf }))
      return
    }
    const scope = scopeOf(data.scope)
    const more = data.work.kind === 'aside' ? null : await nextOf(env, data.source, scope, data.work)
    const next = more ?? (await nextAside(env, data.asidesOf, this.#scope.run.job))
    const kept = end.kind === 'applied' ? totalOf(data.state) : data.state
    const through = after(batch, end, next, kept)
    this.#leave({ kind: 'next', batch: { ...through, data: { ...through.data, scope } }, records })
  }

  async #finish(batch: Batch): Promise<string | undefined> {
    this.#leave({ kind: 'trying', once: false, endsJob: true })
    const { tracks } = batch.data
    if (tracks === undefined) return this.#finishNow(batch)
    const { states } = await this.#env()
    const end = await endOfTracks(tracks.open, this.#services.history, async () => {
      const standing = await states.get(this.#job)
      return standing === null ? batch : batchOf(standing)
    })
    if ('batch' in end) return this.#finishNow(end.batch)
    this.#leave({ kind: 'end', ...end })
    return undefined
  }

  async #finishNow(batch: Batch): Promise<string | undefined> {
    const { data, counts, error } = batch
    const ctx = await this.#context(data)
    let result: unknown
    try {
      result = await this.#definition.finish?.(ctx.input, ctx)
    } catch (thrown) {
      if (!(thrown instanceof Skip)) throw thrown
    }
    const stored = storeResult(result, this.#definition.name, this.#services)
    if (data.source.kind === 'snapshot' && data.asidesOf === this.#scope.run.job)
      await this.#close(data.source)
    const outcome = counts.errors > 0 ? outcomes.completedWithErrors : outcomes.completed
    this.#leave({ kind: 'end', outcome, error: counts.errors > 0 ? error : null })
    return stored
  }

  /** The execution that the state is for was given up: its records are set aside, or halved, and the next one is bounded. */
  async #setAside(batch: Batch, times: number, failure: StoredError | null): Promise<undefined> {
    const { data } = batch
    const error = failure ?? {
      name: 'Error',
      message: 'The chunk failed, and nothing is known of its error.',
    }
    if (data.work.kind === 'finish' || times > mostInVain) {
      this.#leave({ kind: 'end', outcome: outcomes.failed, error })
      return undefined
    }
    this.#leave({ kind: 'trying', once: false, endsJob: false })
    const chunk = data.chunk ?? this.#scope.run.seq - times
    const env = await this.#env()
    const all = await contents(env, this.#piece(data))
    const records = all === null ? 0 : countOf(all)
    const halved = this.#definition.bisect && records > 1
    const parts = all === null || records === 0 ? [] : partsOf(all, halved, this.#where)
    await this.#write(env, data, parts, { halved, error, seq: chunk })
    if (!halved && records > 0) {
      this.#tell(records, chunk, error, all)
      // A hook that failed for good must not keep the chunk from being set aside.
      if (all !== null && times === 1) await this.#tellHook(data, all, { error, chunk })
    }
    const given = { kind: 'givenUp', records, halved: halved || records === 0, error } as const
    await this.#goOn(batch, given, { failure })
    return undefined
  }

  async #write(
    { states }: SourceEnv,
    { work, asidesOf }: BatchData,
    parts: readonly AsidePart[],
    { halved, error, seq }: { readonly halved: boolean; readonly error: StoredError; readonly seq: number },
  ): Promise<void> {
    const own = work.kind === 'aside' ? work.number : null
    if (parts.length === 0) {
      if (own !== null) await states.dropAside(asidesOf, own)
      return
    }
    const [before] = own === null ? [] : await states.asides(asidesOf, { from: own, limit: 1 })
    const tries = (before?.number === own ? (before?.tries ?? 0) : 0) + 1
    const by = halved ? this.#scope.run.job : null
    const asides = parts.map((part) => ({ ...part, seq, error, tries, by }))
    const [whole] = asides
    if (own !== null && !halved && whole !== undefined) return states.replaceAside(asidesOf, own, whole)
    await states.addAsides(asidesOf, asides)
    if (own !== null) await states.dropAside(asidesOf, own)
  }

  async #tellHook(
    data: BatchData,
    all: Contents,
    { error, chunk }: { readonly error: StoredError; readonly chunk: number },
  ): Promise<void> {
    const { onChunkFailed } = this.#definition
    if (onChunkFailed === undefined) return
    await onChunkFailed(
      {
        ...{ jobId: this.#scope.run.job, phase: 'execute', chunk, exception: reviveError(error) },
        ids: all.kind === 'records' ? null : all.ids,
        range: all.kind === 'range' ? all.range : null,
        records: all.kind === 'records' ? (all.records as never[]) : null,
      },
      await this.#context(data, all.kind === 'range' ? all.range : null),
    )
  }

  #piece({ source, work, asidesOf }: BatchData): Piece {
    return { source, work, asidesOf, byRange: this.#definition.by === 'range' }
  }

  async #hook(): Promise<undefined> {
    const { ended, run } = this.#scope
    if (ended === null) throw new MillraceError('MILL_INTERNAL', `batch ${run.job} has no end to tell of`)
    const standing = await (await this.#scope.transaction()).states.get(run.job)
    const batch = standing === null ? null : batchOf(standing)
    // What runs completes, and is told of.
    await whileRunning(batch?.data.tracks?.open ?? [], this.#services.history)
    const ctx = await this.#context(batch?.data ?? null)
    const end: BatchEnd<unknown> = {
      jobId: run.job,
      input: ctx.input,
      exception: ended.error === null ? null : reviveError(ended.error),
      phase: batch === null ? 'start' : phaseOf(batch.data) === phases.finish ? 'finish' : 'execute',
      processed: batch?.counts.processed ?? 0,
      failed: batch?.counts.failed ?? 0,
    }
    const { onAborted, onFailed } = this.#definition
    const isAborted = ended.outcome === outcomes.aborted || ended.outcome === outcomes.replaced
    await (isAborted ? onAborted : onFailed)?.(end as BatchEnd<never>, ctx)
    return undefined
  }

  async #context(
    data: BatchData | null,
    range: ScopedBatchContext['range'] = null,
  ): Promise<ScopedBatchContext & { state: never; input: never }> {
    const { payload, options, seq } = this.#scope.run
    const raw = decode(payload, options?.types)
    const { schema, state: initial } = this.#definition
    const checked = validate(schema, raw, `input of ${this.#definition.name}`)
    // Of a job that failed because its input does not fit, the hook must hear all the same.
    const input = seq < 0 ? await checked.catch(() => raw) : await checked
    const kept = data === null ? keep(initial, this.#definition) : data.state
    const isChunk = data !== null && seq > 0 && data.work.kind !== 'finish'
    return new ScopedBatchContext(this.#scope, this.#services, {
      input,
      state: isChunk ? stateOfChunk(this.#definition, kept) : revive(kept),
      range,
      chunk: data?.chunk,
    }) as ScopedBatchContext & {
      state: never
      input: never
    }
  }

  /** Asked for anew after the handler's own code, which may have let the transaction go. */
  async #env(): Promise<SourceEnv> {
    const { place } = this.#scope.part(this.#services.recordsPart)
    const { states } = await this.#scope.transaction()
    return { records: await place.session({}).reading(), states, job: this.#job }
  }

  async #close(source: Extract<Source, { kind: 'snapshot' }>): Promise<void> {
    await closePages((await this.#env()).records, source)
  }

  #leave(left: Left): void {
    this.#scope.left = left
  }

  #stop(): never {
    const { job } = this.#scope.run
    const error = new MillraceError('MILL_ABORTED', `job ${job} was aborted`, { data: { jobId: job } })
    this.#scope.stop('aborted', error)
    throw error
  }

  #tell(records: number, seq: number, error: StoredError, all: Contents | null): void {
    const { log } = new ScopedBatchContext(this.#scope, this.#services, { input: null, state: null })
    log.error(
      `MILL_BATCH_CHUNK_FAILED: ${records} records of ${this.#where} were set aside (job ${this.#job}, phase execute, chunk ${seq}): ${error.message}`,
      {
        error: reviveError(error),
        fields: {
          ...{ jobId: this.#job, phase: 'execute', chunk: seq },
          ...(all === null || all.kind === 'records' ? {} : { ids: all.ids }),
        },
      },
    )
  }
}
