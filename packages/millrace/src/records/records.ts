import { choiceOf, optionFields } from '../kernel/rules/option-fields.ts'
import type { AccessMode } from './query/query.ts'
import { stricter } from './query/stricter.ts'
import { buildQuery, type QueryOptions, type Selectable, type Selection, type Where } from './build-query.ts'
import type { CursorEnv, CursorHandle, CursorOptions } from './cursor/cursor.ts'
import type { CursorPage } from './cursor/pagination-cursor.ts'
import type * as dml from './dml/dml.ts'
import type { DmlOptions, UpsertOptions } from './dml/options.ts'
import type { DmlResult } from './dml/result.ts'
import type { ObjectInfo } from './object/schema.ts'
import type { ObjectDefinition, RecordOf } from './object/object.ts'
import { RecordQuery } from './record-query.ts'
import type { ListViewDefinition } from './saved-query/list-view.ts'
import type { ReportDefinition } from './saved-query/report.ts'
import type { RowPage, RunSavedQueryOptions } from './saved-query/result.ts'
import type { ReportPage, RunReportOptions } from './saved-query/run-report.ts'
import type { SavedQueries } from './saved-query/stored.ts'
import type { TriggerOperation } from './trigger/trigger.ts'

/** On whose behalf, where it is not that of the execution or the installation. */
export interface Who {
  /** Default: that of the execution; outside of one `default`. An execution keeps to its own. */
  readonly tenant?: string
  /** Whose rights count for `mode: 'user'`. Default: that of the execution; outside of one the system, to which everything is permitted. */
  readonly runAs?: string
  /** Where days begin. Default: the principal's, else `records.timeZone` of the config, else UTC. */
  readonly timeZone?: string
}

/** An execution, a transaction, or beside both. */
export interface RecordsPlace {
  session(who: Who): RecordsSession
}

/** Where the verbs run, asked anew by each of them. */
export interface RecordsSession {
  /** For what only reads. */
  reading(): Promise<CursorEnv>
  /** What `work` writes commits together, or not at all. */
  writing<T>(work: (env: CursorEnv) => Promise<T>): Promise<T>
  /** Bounds of `queryText`. */
  readonly bounds: { readonly maxRows: number; readonly timeoutMs: number }
  readonly savedQueries: () => Promise<SavedQueries>
}

/** Fields of a record to write; what is absent stays as it is, or gets its default. */
export type Row<O extends ObjectDefinition = ObjectDefinition> = {
  readonly [K in keyof RecordOf<O>]?: RecordOf<O>[K] | undefined
}

/** An id, or a row that has it. */
export type Named<O extends ObjectDefinition = ObjectDefinition> = string | number | bigint | Row<O>

/** A cursor whose records are typed (semantics C-02). */
export interface RecordCursor<T extends object> extends CursorHandle {
  /** Records from `position` on, the first is 0; fewer where some were deleted. */
  fetch(position: number, count: number): Promise<T[]>
  /** Frees it now; it would expire two days after its last use. */
  close(): Promise<void>
}

/** A cursor for pages that people turn: deleted records are passed over (semantics C-06). */
export interface RecordPaginationCursor<T extends object> extends CursorHandle {
  fetchPage(
    start: number,
    size: number,
  ): Promise<Omit<CursorPage, 'records'> & { readonly records: readonly T[] }>
  close(): Promise<void>
}

export interface QueryTextOptions {
  /** Whose rights count; default `user`: of the `runAs` that it runs under. The text may ask for a stricter mode, never for a laxer one. */
  readonly mode?: AccessMode
  /** One row more throws MILL_QUERY_TOO_MANY_ROWS. Default: `records.maxRows` of the config. */
  readonly maxRows?: number
  /** Milliseconds after which it throws MILL_QUERY_TIMEOUT, outside of transactions. Default: `records.queryTimeout` of the config. */
  readonly timeoutMs?: number
}

export type Soql = <T extends object = Record<string, unknown>>(
  segments: TemplateStringsArray,
  ...values: readonly unknown[]
) => RecordQuery<T>

/** Records of the application's own tables, by object. Through `ctx` and `tx` everything is part of their transaction. */
export class Records {
  readonly #place: RecordsPlace
  readonly #who: Who
  readonly #session: RecordsSession
  /**
   * A query in SOQL; `${}` values become parameters. ``await soql<Account>`SELECT Id, Name FROM Account WHERE Id IN ${ids}` `` gives rows,
   * `for await` streams them, `count()` counts them.
   */
  readonly soql: Soql

  constructor(place: RecordsPlace, who: Who = {}) {
    this.#place = place
    this.#who = who
    this.#session = place.session(who)
    this.soql = <T extends object>(segments: TemplateStringsArray, ...values: readonly unknown[]) =>
      this.#query<T>(async () => (await import('./soql/template.ts')).soqlTemplate(segments, values))
  }

  /** The same on somebody's behalf; what `who` leaves out stays as it is. Throws MILL_OPTIONS_INVALID for another tenant than the execution's. */
  as(who: Who): Records {
    optionFields(who, ['tenant', 'runAs', 'timeZone'], 'records.as')
    const given = Object.entries(who).filter(([, value]) => value !== undefined)
    return new Records(this.#place, { ...this.#who, ...Object.fromEntries(given) })
  }

  /** A query whose rows are typed by the object. By name, for objects that are known at run time only, they are not. */
  query<O extends ObjectDefinition, const K extends Selectable<O> = keyof RecordOf<O> & string>(
    object: O | string,
    options: QueryOptions<O, K> = {},
  ): RecordQuery<Selection<O, K>> {
    return this.#query(async () => {
      const { schema } = await this.#session.reading()
      const name = typeof object === 'string' ? object : object.name
      const { fields } = schema.object(name)
      return buildQuery(
        object,
        options,
        fields.map((field) => field.name),
      )
    })
  }

  /** How many records there are of which `where` holds. */
  count<O extends ObjectDefinition>(object: O | string, where?: Where<O>): Promise<number> {
    return this.query(object, where === undefined ? {} : { where }).count()
  }

  /**
   * SOQL that is stored, or that somebody typed: `:name` stands for a value of `binds`. Rights of the user, a row cap and a timeout
   * hold. Throws MILL_SOQL_SYNTAX with line and column.
   */
  queryText<T extends object = Record<string, unknown>>(
    text: string,
    binds: Readonly<Record<string, unknown>> = {},
    options: QueryTextOptions = {},
  ): RecordQuery<T> {
    optionFields(options, ['mode', 'maxRows', 'timeoutMs'], 'queryText')
    const mode = choiceOf(options.mode, ['user', 'system', 'securityEnforced'], 'user', 'mode of queryText')
    const { bounds } = this.#session
    const { maxRows = bounds.maxRows, timeoutMs = bounds.timeoutMs } = options
    return new RecordQuery<T>(
      () => this.#session.reading(),
      async () => {
        const query = (await import('./soql/parse.ts')).parseSoql(text)
        // In the tree, where cursors and batches find it too.
        return { ...query, mode: stricter(mode, query.mode ?? 'system') }
      },
      { maxRows, timeoutMs, binds },
    )
  }

  /**
   * New records; each result has the id, in the order of the rows. In bulk, whatever their number. Throws MILL_DML_FAILED when a row fails,
   * and keeps none, unless `allOrNone: false`; then the results tell which failed and why (semantics B-16).
   */
  insert<O extends ObjectDefinition>(
    object: O | string,
    rows: readonly Row<O>[],
    options?: DmlOptions,
  ): Promise<DmlResult[]> {
    return this.#writing(object, async (verbs, ...on) => verbs.insert(...on, rows, options))
  }

  /** Changes the fields that the rows have; each row has the id. As `insert`. */
  update<O extends ObjectDefinition>(
    object: O | string,
    rows: readonly Row<O>[],
    options?: DmlOptions,
  ): Promise<DmlResult[]> {
    return this.#writing(object, async (verbs, ...on) => verbs.update(...on, rows, options))
  }

  /** Updates what is found by the field `by`, or by id, and inserts the others. As `insert`. */
  upsert<O extends ObjectDefinition>(
    object: O | string,
    rows: readonly Row<O>[],
    options?: UpsertOptions & { readonly by?: keyof RecordOf<O> & string },
  ): Promise<DmlResult[]> {
    return this.#writing(object, async (verbs, ...on) => verbs.upsert(...on, rows, options))
  }

  /** Deletes records, or marks them where the object has a soft-delete field. As `insert`. */
  delete<O extends ObjectDefinition>(
    object: O | string,
    records: readonly Named<O>[],
    options?: DmlOptions,
  ): Promise<DmlResult[]> {
    return this.#writing(object, async (verbs, ...on) => verbs.deleteRecords(...on, records, options))
  }

  /** Takes a soft delete back. As `insert`. */
  undelete<O extends ObjectDefinition>(
    object: O | string,
    records: readonly Named<O>[],
    options?: DmlOptions,
  ): Promise<DmlResult[]> {
    return this.#writing(object, async (verbs, ...on) => verbs.undelete(...on, records, options))
  }

  /**
   * Runs the after-triggers for records that were changed by other means, in the same transaction: by ids, or by the records as they were.
   * Throws MILL_DML_FAILED when a trigger refuses one.
   */
  notifyChanged<O extends ObjectDefinition>(
    object: O | string,
    operation: TriggerOperation,
    records: readonly Named<O>[],
  ): Promise<void> {
    return this.#writing(object, async (verbs, ...on) => verbs.notifyChanged(...on, operation, records))
  }

  /** Fixes the records of a query in its order, in the database, to be fetched from anywhere in it, also by other processes. */
  async openCursor<T extends object>(query: RecordQuery<T>): Promise<RecordCursor<T>> {
    const { openCursor } = await import('./cursor/cursor.ts')
    const cursor = await openCursor(await this.#session.reading(), await query.tree(), bindsOf(query))
    return cursor as unknown as RecordCursor<T>
  }

  /** One that was opened before: by its id, or by what it is as JSON. Throws MILL_CURSOR_FATAL when it is unknown or has expired. */
  async findCursor<T extends object = Record<string, unknown>>(
    cursor: string | Pick<CursorHandle, 'id'>,
  ): Promise<RecordCursor<T>> {
    const { findCursor } = await import('./cursor/cursor.ts')
    return (await findCursor(await this.#session.reading(), cursor)) as unknown as RecordCursor<T>
  }

  /** As `openCursor`, for at most 100,000 records in pages. */
  async openPaginationCursor<T extends object>(query: RecordQuery<T>): Promise<RecordPaginationCursor<T>> {
    const { openPaginationCursor } = await import('./cursor/pagination-cursor.ts')
    const cursor = await openPaginationCursor(
      await this.#session.reading(),
      await query.tree(),
      bindsOf(query),
    )
    return cursor as unknown as RecordPaginationCursor<T>
  }

  /** As `findCursor`. */
  async findPaginationCursor<T extends object = Record<string, unknown>>(
    cursor: string | Pick<CursorHandle, 'id'>,
  ): Promise<RecordPaginationCursor<T>> {
    const { findPaginationCursor } = await import('./cursor/pagination-cursor.ts')
    const found = await findPaginationCursor(await this.#session.reading(), cursor)
    return found as unknown as RecordPaginationCursor<T>
  }

  async #writing<T>(
    object: ObjectDefinition | string,
    work: (verbs: Dml, env: CursorEnv, object: ObjectInfo) => Promise<T>,
  ): Promise<T> {
    const verbs: Dml = await import('./dml/dml.ts')
    const name = typeof object === 'string' ? object : object.name
    return this.#session.writing((env) => work(verbs, env, env.schema.object(name)))
  }

  /**
   * A page of a list view, by its definition or its name, in the view's order. Rights of the user hold unless `mode` says otherwise. Throws
   * MILL_SAVED_QUERY_UNKNOWN, MILL_SAVED_QUERY_INVALID, MILL_OPTIONS_INVALID, MILL_ACCESS_DENIED.
   */
  async listView(view: ListViewDefinition | string, options: RunSavedQueryOptions = {}): Promise<RowPage> {
    const { runNamedListView } = await import('./saved-query/named.ts')
    const [env, stored] = [await this.#session.reading(), await this.#session.savedQueries()]
    return runNamedListView(env, stored, view, options)
  }

  /** A page of a report's rows, and with the first one its groups and totals; otherwise as `listView`. */
  async report(report: ReportDefinition | string, options: RunReportOptions = {}): Promise<ReportPage> {
    const { runNamedReport } = await import('./saved-query/named.ts')
    const [env, stored] = [await this.#session.reading(), await this.#session.savedQueries()]
    return runNamedReport(env, stored, report, options)
  }

  #query<T extends object>(source: ConstructorParameters<typeof RecordQuery>[1]): RecordQuery<T> {
    return new RecordQuery<T>(() => this.#session.reading(), source)
  }
}

type Dml = typeof dml

function bindsOf({ binds }: { readonly binds: CursorOptions['binds'] | undefined }): CursorOptions {
  return binds === undefined ? {} : { binds }
}
