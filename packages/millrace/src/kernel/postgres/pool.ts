import pg from 'pg'
import { MillraceError } from '../rules/errors.ts'
import { closed, sqlState, translate, unavailable } from './errors.ts'
import { ownTypes, userTypes, type TypeParsers } from './row-types.ts'
import { valuesOf, type Statement, type Statements, type Value } from './statement.ts'

export interface Result<Row> {
  readonly rows: readonly Row[]
  /** Rows changed or returned by the statement itself. */
  readonly count: number
  /** The command tag, like COMMIT. */
  readonly tag: string
}

export type Values = Readonly<Record<string, Value>>

/** Where statements run: a connection, a pool, or a client that an application lent. */
export interface Session {
  run<Row>(statement: Statement, values: Values): Promise<Result<Row>>
}

export interface PoolOptions {
  readonly config: pg.ClientConfig
  readonly size: number
  readonly statements: Statements
  /** Every statement ends by then, or its connection is destroyed (R7). */
  readonly deadlineMs: number
  /** The server ends a transaction in which nothing is said for so long. */
  readonly idleMs: number
  /** Its sessions were told so when they were opened. */
  readonly keepsIdle: boolean
  /** How long a caller waits for a connection, new or used. */
  readonly connectMs: number
  /** Ends what a backend does, from another connection. */
  readonly cancel?: (pid: number) => Promise<unknown>
  /** Whether a backend works at a statement, asked over another connection. */
  readonly isBusy?: (pid: number) => Promise<boolean>
  readonly onBackend?: (pid: number, open: boolean) => void
}

export interface TransactionOptions {
  /** For `set local`. */
  readonly settings?: readonly string[]
  readonly beforeCommit?: () => void | Promise<void>
  /** For each statement, where it differs from the pool's. */
  readonly deadlineMs?: number
}

interface Query {
  readonly name?: string
  readonly text: string
  readonly values?: readonly unknown[]
  readonly types: TypeParsers
  readonly queryMode?: 'extended'
}

type Answer = pg.QueryResult<Record<string, unknown>>

/** Connections of one kind. A killed backend costs its statement, never the process. */
export class Pool implements Session {
  readonly statements: Statements
  readonly #options: PoolOptions
  readonly #pool: pg.Pool
  readonly #out = new Set<Connection>()
  #closing: Promise<void> | null = null

  constructor(options: PoolOptions) {
    this.#options = options
    this.statements = options.statements
    this.#pool = new pg.Pool({
      ...options.config,
      max: options.size,
      connectionTimeoutMillis: options.connectMs,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      allowExitOnIdle: true,
    })
    // Without these listeners a backend that dies takes the process along.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => {
      client.on('error', () => undefined)
      options.onBackend?.(pidOf(client), true)
    })
    this.#pool.on('remove', (client) => options.onBackend?.(pidOf(client), false))
  }

  get isClosed(): boolean {
    return this.#closing !== null
  }

  get idleMs(): number {
    return this.#options.idleMs
  }

  get keepsIdle(): boolean {
    return this.#options.keepsIdle
  }

  /** One statement, in a transaction of its own. */
  async run<Row>(statement: Statement, values: Values): Promise<Result<Row>> {
    const connection = await this.checkout()
    try {
      return await connection.run<Row>(statement, values)
    } finally {
      connection.release()
    }
  }

  /** `work` between BEGIN and COMMIT; rolled back when it throws. `beforeCommit` runs last inside. */
  async transaction<T>(
    work: (connection: Connection) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const connection = await this.checkout(options.deadlineMs)
    try {
      await connection.begin(null, options.settings)
      const value = await work(connection)
      await options.beforeCommit?.()
      await connection.commit()
      return value
    } finally {
      await connection.leave()
    }
  }

  /** `deadlineMs`: for each statement on it, where it differs from the pool's. */
  async checkout(deadlineMs = this.#options.deadlineMs): Promise<Connection> {
    if (this.isClosed) throw closed()
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      throw this.isClosed ? closed() : translate(error, { what: 'connecting', whose: 'ours', sent: false })
    }
    const connection = new Connection(client, this, deadlineMs, () => this.#out.delete(connection))
    this.#out.add(connection)
    if (this.isClosed) {
      connection.destroy()
      connection.release()
      throw closed()
    }
    return connection
  }

  /** Ends the statement of a backend of ours, if somebody knows how. */
  async cancel(backend: number): Promise<void> {
    await this.#options.cancel?.(backend)
  }

  /**
   * Looks after a statement that may take long: calls `lost` when the server has ended it two looks ago, so that its answer will never come
   * (R7). Returns how to end that.
   */
  watch(backend: number, lost: () => void): () => void {
    const { isBusy, deadlineMs } = this.#options
    if (isBusy === undefined) return () => undefined
    let idleLooks = 0
    let looks = true
    let timer = setTimeout(() => void look(), deadlineMs)
    const look = async (): Promise<void> => {
      // Whoever cannot look knows nothing.
      const busy = await isBusy(backend).catch(() => null)
      if (busy !== null) idleLooks = busy ? 0 : idleLooks + 1
      if (!looks) return
      if (idleLooks > 1) lost()
      else timer = setTimeout(() => void look(), deadlineMs)
    }
    return () => {
      looks = false
      clearTimeout(timer)
    }
  }

  /** Statements under way fail. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const ended = this.#pool.end()
    // Not waiting for whoever has them: a handler may hold its transaction for long.
    for (const connection of [...this.#out]) {
      connection.destroy()
      connection.release()
    }
    await ended
  }
}

/** A checked-out connection; back to its pool by `release` or `leave`, exactly once. */
export class Connection implements Session {
  readonly client: pg.PoolClient
  readonly #pool: Pool
  readonly #deadlineMs: number
  readonly #onRelease: () => void
  readonly #noteError = (error: Error): void => {
    this.#lost ??= error
  }
  #lost: Error | null = null
  #tail: Promise<unknown> = Promise.resolve()
  #underWay = 0
  #released = false

  constructor(client: pg.PoolClient, pool: Pool, deadlineMs: number, onRelease: () => void) {
    this.client = client
    this.#pool = pool
    this.#deadlineMs = deadlineMs
    this.#onRelease = onRelease
    client.on('error', this.#noteError)
  }

  /** Why the connection is gone, if it is. */
  get lost(): Error | null {
    return this.#lost
  }

  /** 'idle': no transaction is open. 'failed': it can only be rolled back. */
  get state(): 'idle' | 'open' | 'failed' {
    const status = this.client.getTransactionStatus()
    return status === 'T' ? 'open' : status === 'E' ? 'failed' : 'idle'
  }

  async run<Row>(statement: Statement, values: Values): Promise<Result<Row>> {
    const rendered = this.#pool.statements.render(statement)
    const { name, text } = rendered
    const query: Query = {
      ...(name === undefined ? {} : { name }),
      text,
      values: valuesOf(rendered, values),
      types: ownTypes,
    }
    const answer = await this.#send(query, statement.name, 'ours', this.#deadlineMs)
    return { rows: answer.rows as Row[], count: answer.rowCount ?? 0, tag: answer.command }
  }

  /** Our own text by the simple protocol, which takes several statements; the answer is that of the last. */
  async simple(text: string, deadlineMs = this.#deadlineMs): Promise<Result<Record<string, unknown>>> {
    const answers: Answer | Answer[] = await this.#send({ text, types: ownTypes }, text, 'ours', deadlineMs)
    const answer = Array.isArray(answers) ? (answers as Answer[]).at(-1) : answers
    return { rows: answer?.rows ?? [], count: answer?.rowCount ?? 0, tag: answer?.command ?? '' }
  }

  /** A user's statement: always by the extended protocol, which refuses a second statement in the text (trap 3). */
  async user(
    text: string,
    values: readonly unknown[],
    deadlineMs: number,
  ): Promise<Record<string, unknown>[]> {
    const query: Query = { text, values, types: userTypes, queryMode: 'extended' }
    return (await this.#send(query, 'statement', 'user', deadlineMs)).rows
  }

  /**
   * BEGIN and its settings in one message. The server ends a transaction in which nothing is said for `idle` ms; what the session was
   * told when it was opened is not told again, because each setting costs a twentieth of a short transaction.
   */
  async begin(idle: number | null, settings: readonly string[] = []): Promise<void> {
    const { idleMs, keepsIdle } = this.#pool
    const known = keepsIdle && (idle ?? idleMs) === idleMs
    const local = known ? settings : [idleSetting(idle ?? idleMs), ...settings]
    await this.simple(['begin', ...local.map((setting) => `set local ${setting}`)].join('; '))
  }

  async commit(): Promise<void> {
    const { tag } = await this.simple('commit')
    if (tag !== 'COMMIT') throw new MillraceError('MILL_TRANSACTION_LOST', `COMMIT was answered by ${tag}`)
  }

  /** Cuts the socket: the statement under way fails, and the server rolls back what it has not committed. */
  destroy(): void {
    this.#lost ??= new Error('the connection was cut')
    this.client.connection.stream.destroy()
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#onRelease()
    this.client.off('error', this.#noteError)
    this.client.release(this.#lost !== null || this.state !== 'idle')
  }

  /** Rolls back what is open, then releases. Ends a statement under way first. Never throws. */
  async leave(): Promise<void> {
    if (!this.#released && this.#lost === null && (this.state !== 'idle' || this.#underWay > 0)) {
      const timer = setTimeout(() => this.destroy(), leaveWithinMs)
      try {
        if (this.#underWay > 0) await this.#pool.cancel(pidOf(this.client))
        await this.simple('rollback')
      } catch {
        this.destroy()
      } finally {
        clearTimeout(timer)
      }
    }
    this.release()
  }

  /** One at a time, in the order asked for. */
  async #send(query: Query, what: string, whose: 'ours' | 'user', deadlineMs: number): Promise<Answer> {
    this.#underWay += 1
    const sent = this.#tail.then(() => this.#sendNow(query, what, whose, deadlineMs))
    this.#tail = sent.then(
      () => undefined,
      () => undefined,
    )
    try {
      return await sent
    } finally {
      this.#underWay -= 1
    }
  }

  #sendNow(query: Query, what: string, whose: 'ours' | 'user', deadlineMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const giveUp = (why: string): void => {
        stop()
        this.destroy()
        reject(unavailable(`${what}: ${why}`, true))
      }
      const timer = setTimeout(() => giveUp(`no answer within ${deadlineMs} ms`), deadlineMs)
      const unwatch =
        whose === 'user'
          ? this.#pool.watch(pidOf(this.client), () =>
              giveUp('the server has ended it, and its answer is lost'),
            )
          : null
      const stop = (): void => {
        clearTimeout(timer)
        unwatch?.()
      }
      const fail = (error: Error): void => {
        stop()
        reject(this.#pool.isClosed ? closed() : translate(error, { what, whose, sent: true }))
      }
      this.client.query(query as pg.QueryConfig, (error: Error | null, answer: Answer) => {
        if (error !== null) {
          this.#whenReady(error, fail)
          return
        }
        stop()
        resolve(answer)
      })
    })
  }

  /** `pg` reports an error before it knows what became of the transaction: the server says that right after. */
  #whenReady(error: Error, then: (error: Error) => void): void {
    const { connection } = this.client
    if (sqlState(error) === null) {
      then(error)
      return
    }
    const done = (): void => {
      connection.off('readyForQuery', done)
      connection.off('end', done)
      then(error)
    }
    connection.on('readyForQuery', done)
    connection.on('end', done)
  }
}

/** To roll back, a statement under way included; then the connection is cut. */
const leaveWithinMs = 5_000

/** A process that is stopped in the middle must not keep its locks for long (trap 5). */
export const idleSetting = (ms: number): string => `idle_in_transaction_session_timeout = ${ms}`

function pidOf(client: pg.PoolClient): number {
  return (client as pg.PoolClient & { readonly processID?: number }).processID ?? 0
}
