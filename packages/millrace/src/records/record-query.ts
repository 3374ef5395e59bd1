import type { RecordsEnv } from './env.ts'
import type { Query } from './query/query.ts'
import { countQuery, runQuery, streamQuery, type RunOptions } from './run.ts'

/** Rows that a stream fetches at once, unless `pages` says otherwise. */
const pageSize = 1_000

/**
 * A query that has not run yet. `await` gives all its rows; `for await` gives them one by one, and `pages` in lists, with one page in
 * memory; `count()` gives their number. In a handler or a transaction it sees what was written there.
 */
export class RecordQuery<T extends object = Record<string, unknown>>
  implements Promise<T[]>, AsyncIterable<T>
{
  readonly [Symbol.toStringTag] = 'RecordQuery'
  readonly #env: () => Promise<RecordsEnv>
  readonly #source: () => Query | Promise<Query>
  readonly #options: RunOptions
  #query: Promise<Query> | null = null
  #rows: Promise<T[]> | null = null

  constructor(
    env: () => Promise<RecordsEnv>,
    source: () => Query | Promise<Query>,
    options: RunOptions = {},
  ) {
    this.#env = env
    this.#source = source
    this.#options = options
  }

  /** The query as data. Throws what is wrong with its text. */
  tree(): Promise<Query> {
    this.#query ??= Promise.resolve().then(this.#source)
    return this.#query
  }

  /** Values of its `:name`. */
  get binds(): Readonly<Record<string, unknown>> | undefined {
    return this.#options.binds
  }

  /** The number of rows, and the answer of `SELECT COUNT()`. */
  async count(): Promise<number> {
    const query = await this.tree()
    return countQuery(await this.#env(), query, this.#options)
  }

  /** Lists of at most `size` rows, each read when it is asked for. `break` frees what the database holds. */
  async *pages(size = pageSize): AsyncGenerator<T[], void, undefined> {
    const query = await this.tree()
    yield* streamQuery(await this.#env(), query, size, this.#options) as AsyncGenerator<T[], void, undefined>
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page
  }

  /** Runs once, however often it is awaited. */
  then<A = T[], B = never>(
    onRows?: ((rows: T[]) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#rows ??= this.#run()
    return this.#rows.then(onRows, onError)
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<T[] | B> {
    return this.then(undefined, onError)
  }

  finally(onEnd?: (() => void) | null): Promise<T[]> {
    return this.then().finally(onEnd)
  }

  async #run(): Promise<T[]> {
    const query = await this.tree()
    return (await runQuery(await this.#env(), query, this.#options)) as T[]
  }
}
