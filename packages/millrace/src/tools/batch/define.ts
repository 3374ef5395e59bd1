import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { checkDefinitionName } from '../../kernel/rules/names.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import { checkPageSize } from '../../records/page/plan.ts'
import type { RecordQuery } from '../../records/record-query.ts'
import { checkCommon, checkSchema, checkVersion } from '../check-definition.ts'
import { encode } from '../codec.ts'
import { commonFields, type CommonOptions, type Definition } from '../definition.ts'
import type { HandlerContext } from '../handler-context.ts'
import { checkLimits } from '../limit-specs.ts'

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
}

/** What `start` may give: a query, or the records themselves. */
export type BatchSource<Rec extends object> =
  RecordQuery<Rec> | Iterable<Rec> | AsyncIterable<Rec> | { readonly query: RecordQuery<Rec> }

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

/** Input is what an enqueue is given, Checked what the schema makes of it. */
export interface BatchOptions<
  Input,
  Checked,
  Rec extends object,
  State,
  Output,
> extends CommonOptions<Input> {
  /** `[A-Za-z][A-Za-z0-9_-]{0,79}`, unique across all tools. */
  readonly name: string
  readonly version?: number
  /** Any Standard Schema. Checked at enqueue, and again when an execution begins. */
  readonly input?: StandardSchemaV1<Input, Checked>
  /** Records of a chunk, 1 to 10,000. @default 200 (semantics B-02) */
  readonly scope?: number
  /** The set of records is fixed at the start (semantics C-02). @default true for a query with ORDER BY, LIMIT or OFFSET, else false */
  readonly snapshot?: boolean
  /** `'range'`: execute is given no records but `ctx.range`, for work that stays in the database. Queries by primary key only. @default 'records' */
  readonly by?: 'records' | 'range'
  /** Of which a chunk that failed for good is halved until the bad records are alone. @default false */
  readonly bisect?: boolean
  /** What `ctx.state` is at first. */
  readonly state?: State
  /**
   * Once. A query must be returned as it is, not from an async function, which would run it: there return `{ query }`. When it fails for good
   * the job is Failed, and nothing else but `onFailed` runs.
   */
  readonly start: (
    input: Checked,
    ctx: BatchContext<State, Checked>,
  ) => BatchSource<Rec> | Promise<Iterable<Rec> | AsyncIterable<Rec> | { readonly query: RecordQuery<Rec> }>
  /**
   * For each chunk, one after the other, each in a transaction of its own. When it throws, only its chunk is undone; it is tried again by `retry`,
   * then its records are set aside and the next chunk goes on (semantics B-05).
   */
  readonly execute: (scope: Rec[], ctx: BatchContext<State, Checked>) => unknown
  /** Once, when all chunks are through; what it returns is the job's result. When it fails for good the job is Failed, the chunks stay applied. */
  readonly finish?: (input: Checked, ctx: BatchContext<State, Checked>) => Output | Promise<Output>
  /** Instead of finish, in an execution of its own, when the job was aborted (semantics B-13). */
  readonly onAborted?: (end: BatchEnd<Checked>, ctx: BatchContext<State, Checked>) => unknown
  /** Instead of finish, when the job failed (semantics B-06). */
  readonly onFailed?: (end: BatchEnd<Checked>, ctx: BatchContext<State, Checked>) => unknown
}

export interface BatchDefinition<In = unknown, Out = unknown> extends Definition<In, Out> {
  readonly tool: 'batch'
  readonly several: true
  readonly flex: true
  readonly scope: number
  readonly snapshot: boolean | undefined
  readonly by: 'records' | 'range'
  readonly bisect: boolean
  readonly state: unknown
  readonly start: (input: never, ctx: BatchContext<never, never>) => unknown
  readonly execute: (scope: never, ctx: BatchContext<never, never>) => unknown
  readonly finish: ((input: never, ctx: BatchContext<never, never>) => unknown) | undefined
  readonly onAborted: ((end: BatchEnd<never>, ctx: BatchContext<never, never>) => unknown) | undefined
  readonly onFailed: ((end: BatchEnd<never>, ctx: BatchContext<never, never>) => unknown) | undefined
}

/** What both forms of `defineBatch` have in common, as far as its body cares. */
interface AnyOptions
  extends
    CommonOptions<never>,
    Pick<BatchDefinition, 'name' | 'start' | 'execute'>,
    Partial<
      Pick<
        BatchDefinition,
        'version' | 'scope' | 'snapshot' | 'by' | 'bisect' | 'state' | 'finish' | 'onAborted' | 'onFailed'
      >
    > {
  readonly input?: StandardSchemaV1
}

const fields = [
  ...['name', 'version', 'input', 'scope', 'snapshot', 'by', 'bisect', 'state'],
  ...['start', 'execute', 'finish', 'onAborted', 'onFailed', ...commonFields],
]

export const stateLimits = { maxBytes: 1_048_576, tooLarge: 'MILL_STATE_TOO_LARGE' } as const

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
  const { name, version = 1, input, start, execute, finish, onAborted, onFailed, ...rest } = options
  const { scope = 200, snapshot, by = 'records', bisect = false, state, ...common } = rest
  checkDefinitionName(name, 'defineBatch')
  const where = `batch ${name}`
  optionFields(options, fields, where)
  checkFunctions({ start, execute, finish, onAborted, onFailed }, where)
  checkVersion(version, where)
  checkSchema(input, where)
  checkCommon(common, where)
  checkLimits('definition', name, common)
  checkPageSize(scope, `scope of ${where}`)
  for (const [field, value] of Object.entries({ snapshot, bisect }))
    if (value !== undefined && typeof value !== 'boolean')
      throw invalid(`the ${field} of ${where} must be true or false`)
  if (by !== 'records' && by !== 'range') throw invalid(`the by of ${where} must be 'records' or 'range'`)
  if (by === 'range' && snapshot === true)
    throw invalid(`${where} is by range, which goes by primary key: it cannot have a snapshot`)
  if (state !== undefined) encode(state, `state of ${where}`, stateLimits)
  return Object.freeze({
    kind: 'definition',
    tool: 'batch',
    several: true,
    flex: true,
    name,
    version,
    options: Object.freeze(common),
    schema: input,
    hasFinalizer: onAborted !== undefined || onFailed !== undefined,
    ...{ scope, snapshot, by, bisect, state },
    ...{ start, execute, finish, onAborted, onFailed },
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
