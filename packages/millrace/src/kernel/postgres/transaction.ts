import pg from 'pg'
import type { Decision } from '../rules/decision.ts'
import { isMillraceError, MillraceError } from '../rules/errors.ts'
import { renderSql } from '../rules/sql-template.ts'
import { firstKeyword } from '../rules/transaction-statement.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { NewJob } from '../storage/jobs.ts'
import { checkPage } from '../storage/reader-rules.ts'
import type { SnapshotAccess } from '../storage/snapshots.ts'
import type { StatesInside } from '../storage/states.ts'
import type { Steering } from '../storage/steering.ts'
import type { BeginOptions, Row, StorageTransaction } from '../storage/transaction.ts'
import type { Wake } from '../storage/wakeups.ts'
import { fetchPages } from './cursor.ts'
import { hit, type Database, type FaultStep } from './database.ts'
import {
  consequencesCtes,
  consequenceValues,
  decisionValues,
  hasConsequences,
  settledCte,
  wakesOfDecisions,
} from './decisions.ts'
import { broken } from './errors.ts'
import { guardClient, refuseTransactionStatement } from './guarded-client.ts'
import { wakesOf } from './insert-jobs.ts'
import { isKeptOnly, keptValues, markedCtes } from './keep.ts'
import { enqueueInside } from './jobs.ts'
import type { Connection } from './pool.ts'
import { snapshotsInside } from './snapshots.ts'
import type { Session } from './pool.ts'
import { statedCte, statesInside } from './states.ts'
import { steeringOn } from './steering.ts'
import { statement } from './statement.ts'

/** The token was set after BEGIN; once a stray COMMIT ended that transaction it reads as an empty text (trap 3). */
const held = `held as (
    select id from millrace.lease
    where id = $lease and current_setting('mill.attempt', true) = $token
    for key share
  )`

const settleShort = statement(
  'settle_in',
  `with ${held}
  insert into millrace.done (job, seq, attempt, outcome, ms, lease, finished)
  select $job::uuid, $seq::int, $attempt::int, $outcome::smallint, $ms::real, id, clock_timestamp() from held`,
)

const settleLong = statement(
  'settle_in_long',
  `with ${held}, ${settledCte('clock_timestamp()')}, ${consequencesCtes}, ${markedCtes}
  select n from total`,
)

/** The job goes on under its lease: history, state and that row are all that change. */
const settleKept = statement(
  'settle_in_kept',
  `with ${held}, ${settledCte('clock_timestamp()')}, ${statedCte}, ${markedCtes}
  select n from total`,
)

/** Writes and row locks take a transaction id; reads do not. */
const assigned = statement('has_writes', 'select pg_current_xact_id_if_assigned() is not null as writes')

/** A user's statement may take as long as an attempt, while the server works at it; a lost answer is noticed before (see `Pool.watch`). */
const longestStatementMs = 600_000

export async function begin(db: Database, options: BeginOptions): Promise<StorageTransaction> {
  const { token, idleTimeoutMs } = options
  const settings = token === null ? [] : [`mill.attempt = ${pg.escapeLiteral(token)}`]
  const connection = await db.main.checkout()
  try {
    await connection.begin(Math.max(1, Math.ceil(idleTimeoutMs)), settings)
  } catch (error) {
    await connection.leave()
    throw error
  }
  return new PostgresTransaction(db, connection, options)
}

class PostgresTransaction implements StorageTransaction {
  readonly ownIds = null
  readonly each = null
  readonly #db: Database
  readonly #connection: Connection
  readonly #token: string | null
  readonly #wakes: Wake[] = []
  /** Made at first use: few handlers ask for it. */
  #client: unknown = null
  readonly #steps = new Set<FaultStep>()
  #cursors = 0
  #ended: 'committed' | 'rolled back' | null = null
  /** What went wrong first. */
  #failure: unknown = null

  constructor(db: Database, connection: Connection, options: BeginOptions) {
    this.#db = db
    this.#connection = connection
    this.#token = options.token
  }

  get client(): unknown {
    this.#client ??= guardClient(this.#connection.client, () => this.#check('mend'))
    return this.#client
  }

  async query(segments: readonly string[], params: readonly unknown[]): Promise<Row[]> {
    const { text, values } = renderSql(segments, params, 'postgres', 'sql')
    refuseTransactionStatement(text)
    // What begins with it and is not refused goes back to a savepoint.
    this.#check(firstKeyword(text) === 'rollback' ? 'mend' : 'use')
    return this.#user(text, values)
  }

  async *stream(
    segments: readonly string[],
    params: readonly unknown[],
    size: number,
  ): AsyncGenerator<Row[], void, undefined> {
    checkPage(size)
    const rendered = renderSql(segments, params, 'postgres', 'sql')
    const run = async (text: string, values: readonly unknown[]): Promise<Row[]> => {
      this.#check()
      return this.#user(text, values)
    }
    this.#cursors += 1
    yield* fetchPages(run, `millrace_cursor_${this.#cursors}`, rendered, size)
  }

  get snapshots(): SnapshotAccess {
    return snapshotsInside(this.#db, async (work) => {
      this.#check()
      return this.#noting(work(this.#connection))
    })
  }

  get states(): StatesInside {
    return statesInside(this.#run, (wake) => this.#wakes.push(wake))
  }

  get steering(): Steering {
    return steeringOn(this.#run, (wakes) => this.#wakes.push(...wakes))
  }

  async hasWrites(): Promise<boolean> {
    this.#check()
    const { rows } = await this.#noting(this.#connection.run<{ writes: boolean }>(assigned, {}))
    return rows[0]?.writes === true
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueOutcome[]> {
    this.#check()
    if (jobs.length === 0) return []
    this.#steps.add('enqueue')
    const outcomes = await this.#noting(enqueueInside(this.#connection, jobs))
    const queued = jobs.filter((_, index) => outcomes[index]?.kind !== 'duplicate')
    this.#wakes.push(...wakesOf(queued))
    return outcomes
  }

  async settle(decision: Decision): Promise<'settled' | 'fenced'> {
    this.#check()
    if (this.#token === null) throw broken('an application transaction cannot settle an execution')
    const written = await this.#noting(this.#writeSettle(decision, this.#token))
    if (!written) return 'fenced'
    this.#steps.add(decision.key.seq < 0 ? 'finalizer' : 'settle')
    this.#wakes.push(...wakesOfDecisions([decision]))
    return 'settled'
  }

  async commit(): Promise<void> {
    this.#check()
    const steps = [...this.#steps]
    try {
      await hit(this.#db.faults, steps, 'before-commit')
      this.#check()
      this.#ended = 'committed'
      await this.#connection.commit()
    } catch (error) {
      this.#ended = 'rolled back'
      this.#failure ??= error
      throw this.#commitError(error)
    } finally {
      await this.#connection.leave()
    }
    await hit(this.#db.faults, steps, 'after-commit')
    // Never in the caller's COMMIT: concurrent commits that notify queue on one lock.
    if (this.#wakes.length > 0) this.#db.wakeups.send(this.#wakes, this.#db.hot)
  }

  async rollback(): Promise<void> {
    if (this.#ended !== null) return
    this.#ended = 'rolled back'
    await this.#connection.leave()
  }

  readonly #run: Session['run'] = (statement, values) => {
    this.#check()
    return this.#noting(this.#connection.run(statement, values))
  }

  #user(text: string, values: readonly unknown[]): Promise<Row[]> {
    return this.#noting(this.#connection.user(text, values, longestStatementMs))
  }

  async #writeSettle(decision: Decision, token: string): Promise<boolean> {
    const { key, lease, outcome, ms } = decision
    if (!hasConsequences(decision)) {
      const { count } = await this.#connection.run(settleShort, { ...key, lease, outcome, ms, token })
      return count === 1
    }
    const { rows } = await this.#connection.run<{ n: number }>(
      isKeptOnly(decision) ? settleKept : settleLong,
      {
        ...decisionValues([decision]),
        ...consequenceValues([decision]),
        ...keptValues([decision]),
        ...{ lease, token, m_leases: '{}', m_positions: '{}' },
      },
    )
    return rows[0]?.n === 1
  }

  /** Refuses what could only fail, or would commit by itself. A failed transaction can be mended by a savepoint. */
  #check(purpose: 'use' | 'mend' = 'use'): void {
    if (this.#ended !== null) {
      if (this.#ended === 'rolled back' && this.#failure !== null) throw this.#lostBy(this.#failure)
      throw new MillraceError('MILL_CONTEXT_CLOSED', `the transaction was used after it was ${this.#ended}`)
    }
    const lost = this.#connection.lost
    const { state } = this.#connection
    if (lost === null && state === 'open') this.#failure = null
    if (lost === null && (state === 'open' || (state === 'failed' && purpose === 'mend'))) return
    throw this.#lostBy(this.#failure ?? lost ?? 'the transaction was ended by hand')
  }

  async #noting<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.#failure ??= error
      if (this.#connection.lost !== null) throw this.#lostBy(this.#failure)
      throw error
    }
  }

  #lostBy(cause: unknown): MillraceError {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new MillraceError('MILL_TRANSACTION_LOST', `the database rolled the transaction back: ${reason}`, {
      cause,
    })
  }

  #commitError(error: unknown): MillraceError {
    if (isMillraceError(error) && error.data['unknown'] === true) {
      return new MillraceError('MILL_COMMIT_UNKNOWN', `no answer to COMMIT: ${error.message}`, {
        cause: error,
      })
    }
    return isMillraceError(error, 'MILL_TRANSACTION_LOST') && error === this.#failure
      ? error
      : this.#lostBy(this.#failure)
  }
}
