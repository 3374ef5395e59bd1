import { optionFields } from '../kernel/rules/option-fields.ts'
import type { AccessMode } from './query/query.ts'
import { buildQuery, type QueryOptions, type Selection, type Where } from './build-query.ts'
import type { RecordsEnv } from './env.ts'
import type { ObjectDefinition, RecordOf } from './object/object.ts'
import { RecordQuery } from './record-query.ts'

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
  reading(): Promise<RecordsEnv>
  /** What `work` writes commits together, or not at all. */
  writing<T>(work: (env: RecordsEnv) => Promise<T>): Promise<T>
  /** Bounds of `queryText`. */
  readonly bounds: { readonly maxRows: number; readonly timeoutMs: number }
}

export interface QueryTextOptions {
  /** Whose rights count; default `user`: of the `runAs` that it runs under. */
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
  readonly #session: RecordsSession
  /**
   * A query in SOQL; `${}` values become parameters. ``await soql<Account>`SELECT Id, Name FROM Account WHERE Id IN ${ids}` `` gives rows,
   * `for await` streams them, `count()` counts them.
   */
  readonly soql: Soql

  constructor(place: RecordsPlace, who: Who = {}) {
    this.#place = place
    this.#session = place.session(who)
    this.soql = <T extends object>(segments: TemplateStringsArray, ...values: readonly unknown[]) =>
      this.#query<T>(async () => (await import('./soql/template.ts')).soqlTemplate(segments, values))
  }

  /** The same on somebody's behalf. Throws MILL_OPTIONS_INVALID for another tenant than the execution's. */
  as(who: Who): Records {
    optionFields(who, ['tenant', 'runAs', 'timeZone'], 'records.as')
    return new Records(this.#place, who)
  }

  /** A query whose rows are typed by the object. By name, for objects that are known at run time only, they are not. */
  query<O extends ObjectDefinition, const K extends string = keyof RecordOf<O> & string>(
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
    const { mode = 'user' } = options
    return new RecordQuery<T>(
      () => this.#session.reading(),
      async () => (await import('./soql/parse.ts')).parseSoql(text),
      { ...this.#session.bounds, ...options, mode, binds },
    )
  }

  #query<T extends object>(source: ConstructorParameters<typeof RecordQuery>[1]): RecordQuery<T> {
    return new RecordQuery<T>(() => this.#session.reading(), source)
  }
}
