import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { checkDefinitionName } from '../../kernel/rules/names.ts'
import { invalidOption, optionFields } from '../../kernel/rules/option-fields.ts'
import { checkPageSize } from '../../records/page/plan.ts'
import type { RecordQuery } from '../../records/record-query.ts'
import { checkCommon, checkSchema, checkVersion } from '../check-definition.ts'
import { commonFields, type CommonOptions, type ConcurrencyOptions, type Definition } from '../definition.ts'
import type { HandlerContext } from '../handler-context.ts'
import { checkLimits } from '../limit-specs.ts'
import { keep } from './batch-state.ts'
import type { SqlRows } from './sql-source.ts'

/** What a batch's functions get. */
export interface BatchContext<State = unknown, Input = unknown> extends HandlerContext {
  readonly input: Input
  /**
   * Carried from execution to execution and written with what the chunk wrote: what a chunk that failed made of it is undone. Plain data, at most
   * 1 MiB.
   */
  state: State
  /** 0 in start, then from 1; set aside chunks and what bisecting makes of them count too. */
  readonly chunk: number
  /**
   * Of a batch by range, in each execute: the ids that the chunk is about, `after` (null: from the first) excluded, `upTo` included. Also of what was
   * set aside or halved.
   */
  readonly range: { readonly after: string | number | null; readonly upTo: string | number } | null
  /** The job whose records that were set aside this one tries again. */
  readonly retryOf: string | null
  /** In execute, of chunks that run at once: the track that this one runs in, a job of its own (semantics B-19). Else null. */
  readonly childJobId: string | null
  /**
   * For `start`: rows of tables that are no objects, gone through by a key that is unique, indexed and never null, numbers up to 2^53 or texts.
   * ``ctx.sqlBy('id')`select id, total from legacy_order where total > ${input.from}` ``: one select, without ORDER BY and LIMIT; values become parameters.
   */
  sqlBy<Rec extends object = Record<string, unknown>>(
    key: string,
  ): (segments: TemplateStringsArray, ...values: readonly unknown[]) => SqlRows<Rec>
}

/** What `start` may give: a query, or the records themselves. */
export type BatchSource<Rec extends object> =
  RecordQuery<Rec> | SqlRows<Rec> | Iterable<Rec> | AsyncIterable<Rec> | { readonly query: RecordQuery<Rec> }

/** How a batch ended that did not complete. */
export interface BatchEnd<Input> {
  readonly jobId: string
  readonly input: Input
  /** With its chain of causes; null where it was aborted in the queue. */
  readonly exception: Error | null
  /** What it was at. */
  readonly phase: 'start' | 'execute' | 'finish'
  /** Records that were applied, and that stay so. */
  readonly processed: number
  readonly failed: number
}

/** A chunk that failed for good, whole. */
export interface FailedChunk<Rec = unknown> {
  readonly jobId: string
  readonly phase: 'execute'
  /** Of the execution that failed. */
  readonly chunk: number
  /** All of them, however many; null where the start brought the records along. */
  readonly ids: readonly (string | number)[] | null
  /** Of a batch by range, else null. */
  readonly range: { readonly after: string | number | null; readonly upTo: string | number } | null
  /** Where the start brought them along, else null. */
  readonly records: readonly Rec[] | null
  /** With its chain of causes. */
  readonly exception: Error
}

/** Input is what an enqueue is given, Checked what the schema makes of it. */
export interface BatchOptions<Input, Checked, Rec extends object, State, Output> extends Omit<
  CommonOptions<Input>,
  'concurrency'
> {
  /** `[A-Za-z][A-Za-z0-9_-]{0,79}`, unique across all tools. */
  readonly name: string
  readonly version?: number
  /** Any Standard Schema. Checked at enqueue, and again when an execution begins. */
  readonly input?: StandardSchemaV1<Input, Checked>
  /** Records of a chunk, 1 to 10,000 (semantics B-02); `'auto'`: as many as take about half a second. @default 200 */
  readonly scope?: number | 'auto'
  /**
   * A number, 1 to 100: so many chunks of one job at once, in no promised order; with a state they need `merge` (semantics B-03, B-04). Else a bound over
   * all jobs, as in other definitions. @default 1
   */
  readonly concurrency?: number | ConcurrencyOptions<Input>
  /** The set of records is fixed at the start (semantics C-02). @default true for a query with ORDER BY, LIMIT or OFFSET, else false */
  readonly snapshot?: boolean
  /** `'range'`: execute is given no records but `ctx.range`, for work that stays in the database. Queries by primary key only. @default 'records' */
  readonly by?: 'records' | 'range'
  /** Of which a chunk that failed for good is halved until the bad records are alone. @default false */
  readonly bisect?: boolean
  /** What `ctx.state` is at first. */
  readonly state?: State
  /**
   * What the state is after a chunk: `total` is that of all chunks so far, `part` what this one made of `state`, with which each begins anew. Chunks come
   * in any order. When it throws the chunk fails.
   */
  readonly merge?: (total: State, part: State) => State
  /**
   * Once. A query must be returned as it is, not from an async function, which would run it: there return `{ query }`. When it fails for good
   * the job is Failed, and nothing else but `onFailed` runs.
   */
  readonly start: (
    input: Checked,
    ctx: BatchContext<State, Checked>,
  ) =>
    | BatchSource<Rec>
    | Promise<SqlRows<Rec> | Iterable<Rec> | AsyncIterable<Rec> | { readonly query: RecordQuery<Rec> }>
  /**
   * For each chunk, one after the other unless `concurrency` says otherwise, each in a transaction of its own. When it throws, only its chunk is undone; it is tried again by `retry`,
   * then its records are set aside and the next chunk goes on (semantics B-05).
   */
  readonly execute: (scope: Rec[], ctx: BatchContext<State, Checked>) => unknown
  /** Once, when all chunks are through; what it returns is the job's result. When it fails for good the job is Failed, the chunks stay applied. */
  readonly finish?: (input: Checked, ctx: BatchContext<State, Checked>) => Output | Promise<Output>
  /**
   * For each chunk that was set aside, in the transaction that does it (semantics B-30): what it writes and enqueues commits with that, once. When it fails
   * for good the chunk is set aside without it; what it makes of `ctx.state` is not kept. Of start and finish tells `onFailed`.
   */
  readonly onChunkFailed?: (failed: FailedChunk<Rec>, ctx: BatchContext<State, Checked>) => unknown
  /** Instead of finish, in an execution of its own, when the job was aborted (semantics B-13). */
  readonly onAborted?: (end: BatchEnd<Checked>, ctx: BatchContext<State, Checked>) => unknown
  /** Instead of finish, when the job failed (semantics B-06). */
  readonly onFailed?: (end: BatchEnd<Checked>, ctx: BatchContext<State, Checked>) => unknown
}

export interface BatchDefinition<In = unknown, Out = unknown> extends Definition<In, Out> {
  readonly tool: 'batch'
  readonly several: true
  readonly flex: true
  readonly scope: number | 'auto'
  /** Chunks of a job at once. */
  readonly concurrency: number
  readonly snapshot: boolean | undefined
  readonly by: 'records' | 'range'
  readonly bisect: boolean
  readonly state: unknown
  readonly merge: ((total: never, part: never) => unknown) | undefined
  readonly start: (input: never, ctx: BatchContext<never, never>) => unknown
  readonly execute: (scope: never, ctx: BatchContext<never, never>) => unknown
  readonly finish: ((input: never, ctx: BatchContext<never, never>) => unknown) | undefined
  readonly onChunkFailed:
    ((failed: FailedChunk<never>, ctx: BatchContext<never, never>) => unknown) | undefined
  readonly onAborted: ((end: BatchEnd<never>, ctx: BatchContext<never, never>) => unknown) | undefined
  readonly onFailed: ((end: BatchEnd<never>, ctx: BatchContext<never, never>) => unknown) | undefined
}

/** What both forms of `defineBatch` have in common, as far as its body cares. */
interface AnyOptions
  extends
    Omit<CommonOptions<never>, 'concurrency'>,
    Pick<BatchDefinition, 'name' | 'start' | 'execute'>,
    Partial<
      Pick<
        BatchDefinition,
        | 'version'
        | 'scope'
        | 'snapshot'
        | 'by'
        | 'bisect'
        | 'state'
        | 'merge'
        | 'finish'
        | 'onChunkFailed'
        | 'onAborted'
        | 'onFailed'
      >
    > {
  readonly input?: StandardSchemaV1
  readonly concurrency?: number | ConcurrencyOptions<never>
}

const mostAtOnce = 100

const fields = [
  ...['name', 'version', 'input', 'scope', 'snapshot', 'by', 'bisect', 'state', 'merge'],
  ...['start', 'execute', 'finish', 'onChunkFailed', 'onAborted', 'onFailed', ...commonFields],
]

/**
 * Work over many records in chunks: start, each chunk and finish are executions and transactions of their own, and each record is applied to the
 * database exactly once, whatever dies when. Throws MILL_DEFINITION_INVALID, MILL_NAME_INVALID, MILL_OPTIONS_INVALID, MILL_INPUT_UNSERIALIZABLE
 * and MILL_STATE_TOO_LARGE for the state, and what bad options deserve.
 */
export function defineBatch<Input, Checked, Rec extends object, State, Output>(
  options: BatchOptions<Input, Checked, Rec, State, Output> & {
    readonly input: StandardSchemaV1<Input, Checked>
  },
): BatchDefinition<Input, Awaited<Output>>
/** Without a schema the input is whatever the functions say they take, unchecked. */
export function defineBatch<Rec extends object, State, Output, Input = unknown>(
  options: BatchOptions<Input, Input, Rec, State, Output> & { readonly input?: never },
): BatchDefinition<Input, Awaited<Output>>
export function defineBatch(options: AnyOptions): BatchDefinition {
  const {
    name,
    version = 1,
    input,
    start,
    execute,
    finish,
    onChunkFailed,
    onAborted,
    onFailed,
    ...rest
  } = options
  const { scope = 200, snapshot, by = 'records', bisect = false, state, merge, ...others } = rest
  const { concurrency = 1, ...common } = others
  const bound = typeof concurrency === 'number' ? {} : { concurrency }
  checkDefinitionName(name, 'defineBatch')
  const where = `batch ${name}`
  optionFields(options, fields, where)
  checkFunctions({ start, execute, finish, onChunkFailed, onAborted, onFailed, merge }, where)
  checkVersion(version, where)
  checkSchema(input, where)
  checkCommon(common, where)
  checkLimits('definition', name, { ...common, ...bound })
  if (scope !== 'auto') checkPageSize(scope, `scope of ${where}`)
  const atOnce = typeof concurrency === 'number' ? concurrency : 1
  if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > mostAtOnce)
    throw invalidOption(`concurrency of ${where}`, `must be a whole number from 1 to ${mostAtOnce}`)
  if (atOnce > 1 && state !== undefined && merge === undefined)
    throw invalid(
      `${where} has a state and runs ${atOnce} chunks at once, so it needs merge: (total, part) => state`,
    )
  for (const [field, value] of Object.entries({ snapshot, bisect }))
    if (value !== undefined && typeof value !== 'boolean')
      throw invalid(`the ${field} of ${where} must be true or false`)
  if (by !== 'records' && by !== 'range') throw invalid(`the by of ${where} must be 'records' or 'range'`)
  if (by === 'range' && snapshot === true)
    throw invalid(`${where} is by range, which goes by primary key: it cannot have a snapshot`)
  if (state !== undefined) keep(state, { name })
  return Object.freeze({
    kind: 'definition',
    tool: 'batch',
    several: true,
    flex: true,
    name,
    version,
    options: Object.freeze({ ...common, ...bound }),
    schema: input,
    hasFinalizer: onAborted !== undefined || onFailed !== undefined,
    ...{ scope, concurrency: atOnce, snapshot, by, bisect, state, merge },
    ...{ start, execute, finish, onChunkFailed, onAborted, onFailed },
  })
}

function checkFunctions(
  { start, execute, ...others }: Readonly<Record<string, unknown>>,
  where: string,
): void {
  for (const [field, value] of Object.entries({ start, execute }))
    if (typeof value !== 'function') throw invalid(`${where} has no ${field} function`)
  for (const [field, value] of Object.entries(others))
    if (value !== undefined && typeof value !== 'function')
      throw invalid(`the ${field} of ${where} is not a function`)
}

function invalid(message: string): MillraceError {
  return new MillraceError('MILL_DEFINITION_INVALID', message)
}
