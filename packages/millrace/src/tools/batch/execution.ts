import { MillraceError } from '../../kernel/rules/errors.ts'
import { outcomes, type StoredError } from '../../kernel/rules/outcome.ts'
import { phases } from '../../kernel/rules/state.ts'
import { reviveError } from '../../kernel/rules/stored-error.ts'
import { Skip, type ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import type { StateAccess } from '../../kernel/storage/states.ts'
import { closePages } from '../../records/page/pager.ts'
import { decode, encode } from '../codec.ts'
import { validate } from '../definition.ts'
import type { ContextServices } from '../handler-context.ts'
import { storeResult, type ResultServices } from '../store-result.ts'
import { countOf, partsOf, type AsidePart } from './asides.ts'
import { ScopedBatchContext } from './batch-context.ts'
import { stateLimits, type BatchDefinition, type BatchEnd } from './define.ts'
import {
  applied,
  batchOf,
  begun,
  givenUp,
  type Batch,
  type BatchData,
  type Left,
  type Source,
  type Work,
} from './rules.ts'
import {
  contents,
  nextOf,
  openQuery,
  queryOrRows,
  read,
  storeRows,
  type Piece,
  type SourceEnv,
} from './source.ts'

export interface BatchServices extends ContextServices, ResultServices {
  readonly defaultTimeoutMs: number
  /** Beside the attempt's transaction. */
  readonly states: StateAccess
}

/** So many executions in a row that set a chunk aside may be given up themselves. */
const mostInVain = 3

/** One execution of a batch. What it leaves in `scope.left` is all that its decision knows. */
export class BatchExecution {
  readonly #definition: BatchDefinition
  readonly #services: BatchServices
  readonly #scope: ExecutionScope
  readonly #where: string

  constructor(definition: BatchDefinition, services: BatchServices, scope: ExecutionScope) {
    this.#definition = definition
    this.#services = services
    this.#scope = scope
    this.#where = `batch ${definition.name}`
  }

  async run(): Promise<string | undefined> {
    const { seq, job } = this.#scope.run
    if (seq < 0) return this.#hook()
    if (seq === 0) {
      this.#leave({ kind: 'trying', once: false, endsJob: true })
      return this.#start()
    }
    const standing = await (await this.#scope.transaction()).states.get(job)
    if (standing === null) {
      this.#leave({ kind: 'trying', once: true, endsJob: true })
      throw new MillraceError('MILL_INTERNAL', `batch ${job} has no state for its execution ${seq}`)
    }
    if (standing.aborting) this.#stop()
    const batch = batchOf(standing)
    if (standing.seq !== seq) return this.#setAside(batch, seq - standing.seq, standing.failure)
    return batch.data.work.kind === 'finish' ? this.#finish(batch) : this.#chunk(batch)
  }

  async #start(): Promise<undefined> {
    const { run } = this.#scope
    const { by } = this.#definition
    const size = run.options?.scope ?? this.#definition.scope
    const ctx = await this.#context(null)
    let source: Source = { kind: 'none' }
    let total: number | null
    let totalChunks: number | null
    const asidesOf = run.options?.asidesOf
    if (asidesOf === undefined) {
      const given = await queryOrRows(this.#definition.start(ctx.input, ctx), this.#where)
      const { snapshot } = this.#definition
      const opened =
        'query' in given
          ? await openQuery((await this.#env()).records, given.query, {
              snapshot: by === 'range' ? false : snapshot,
            })
          : await storeRows(given.rows, this.#scope, this.#services.states, { size, where: this.#where })
      ;({ source, total } = opened)
      if (by === 'range' && source.kind !== 'keys')
        throw new MillraceError(
          'MILL_BATCH_START_INVALID',
          `${this.#where} is by range, so its start must give a query`,
        )
      totalChunks = total === null ? null : Math.ceil(total / size)
    } else {
      const { states } = await this.#env()
      const origin = await states.get(asidesOf)
      if (origin !== null) source = batchOf(origin).data.source
      const taken = await states.takeAsides(asidesOf, run.job)
      total = taken.records
      totalChunks = taken.asides
    }
    const env = await this.#env()
    const first = asidesOf === undefined ? await nextOf(env, source, size, null) : null
    const data = { source, asidesOf: asidesOf ?? run.job, scope: size }
    const work = first ?? (await this.#nextAside(env, data.asidesOf))
    const state = this.#keep(ctx.state)
    this.#leave({ kind: 'next', batch: begun({ ...data, work, total, totalChunks, state }), records: 0 })
    return undefined
  }

  async #chunk(batch: Batch): Promise<undefined> {
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
    const after = await this.#env()
    if (work.kind === 'aside') await after.states.dropAside(asidesOf, work.number)
    const next = await this.#after(after, data)
    this.#leave({ kind: 'next', batch: applied(batch, count, next, this.#keep(ctx.state)), records: count })
    return undefined
  }

  async #finish(batch: Batch): Promise<string | undefined> {
    this.#leave({ kind: 'trying', once: false, endsJob: true })
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
    const { run } = this.#scope
    const env = await this.#env()
    const all = await contents(env, this.#piece(data))
    const records = all === null ? 0 : countOf(all)
    const halved = this.#definition.bisect && records > 1
    const parts = all === null || records === 0 ? [] : partsOf(all, halved, this.#where)
    await this.#write(env, data, parts, { halved, error, seq: run.seq - times })
    if (!halved && records > 0) this.#tell(records, run.seq - times, error)
    const next = await this.#after(env, data)
    const given = { records, halved: halved || records === 0, error }
    this.#leave({ kind: 'next', batch: givenUp(batch, given, next), records })
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

  #piece({ source, work, asidesOf }: BatchData): Piece {
    return { source, work, asidesOf, byRange: this.#definition.by === 'range' }
  }

  /** What comes after the work of now: more of the source, then what was halved, then the finish. */
  async #after(env: SourceEnv, { source, scope, work, asidesOf }: BatchData): Promise<Work> {
    const isOfSource = work.kind !== 'aside'
    const more = isOfSource ? await nextOf(env, source, scope, work) : null
    return more ?? this.#nextAside(env, asidesOf)
  }

  async #nextAside({ states }: SourceEnv, asidesOf: string): Promise<Work> {
    const [aside] = await states.asides(asidesOf, { from: 0, limit: 1, by: this.#scope.run.job })
    if (aside === undefined) return { kind: 'finish' }
    return { kind: 'aside', number: aside.number, count: aside.count }
  }

  async #hook(): Promise<undefined> {
    const { ended, run } = this.#scope
    if (ended === null) throw new MillraceError('MILL_INTERNAL', `batch ${run.job} has no end to tell of`)
    const standing = await (await this.#scope.transaction()).states.get(run.job)
    const batch = standing === null ? null : batchOf(standing)
    const ctx = await this.#context(batch?.data ?? null)
    const end: BatchEnd<unknown> = {
      jobId: run.job,
      input: ctx.input,
      exception: ended.error === null ? null : reviveError(ended.error),
      phase: batch === null ? 'start' : batch.counts.phase === phases.finish ? 'finish' : 'execute',
      processed: batch?.counts.processed ?? 0,
      failed: batch?.counts.failed ?? 0,
    }
    const { onAborted, onFailed } = this.#definition
    const isAborted = ended.outcome === outcomes.aborted || ended.outcome === outcomes.replaced
    await (isAborted ? onAborted : onFailed)?.(end as BatchEnd<never>, ctx)
    return undefined
  }

  async #context(
    data: Pick<BatchData, 'state'> | null,
    range: ScopedBatchContext['range'] = null,
  ): Promise<ScopedBatchContext & { state: never; input: never }> {
    const { payload, options, seq } = this.#scope.run
    const raw = decode(payload, options?.types)
    const { schema, state: initial } = this.#definition
    const checked = validate(schema, raw, `input of ${this.#definition.name}`)
    // Of a job that failed because its input does not fit, the hook must hear all the same.
    const input = seq < 0 ? await checked.catch(() => raw) : await checked
    const kept = data === null ? this.#keep(initial) : data.state
    const state = kept === null ? undefined : decode(kept.json, kept.types)
    return new ScopedBatchContext(this.#scope, this.#services, {
      input,
      state,
      range,
    }) as ScopedBatchContext & {
      state: never
      input: never
    }
  }

  #keep(state: unknown): BatchData['state'] {
    return state === undefined ? null : encode(state, `state of ${this.#where}`, stateLimits)
  }

  /** Asked for anew after the handler's own code, which may have let the transaction go. */
  async #env(): Promise<SourceEnv> {
    const { place } = this.#scope.part(this.#services.recordsPart)
    const { states } = await this.#scope.transaction()
    return { records: await place.session({}).reading(), states, job: this.#scope.run.job }
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

  #tell(records: number, seq: number, error: StoredError): void {
    const { log } = new ScopedBatchContext(this.#scope, this.#services, { input: null, state: null })
    log.error(
      `MILL_BATCH_CHUNK_FAILED: ${records} records of ${this.#where} were set aside (job ${this.#scope.run.job}, chunk ${seq}): ${error.message}`,
    )
  }
}
