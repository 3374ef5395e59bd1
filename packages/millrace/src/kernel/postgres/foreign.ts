import type { JobId } from '../rules/execution.ts'
import type { EnqueueOutcome } from '../rules/unique.ts'
import type { ForeignTransactions } from '../storage/foreign.ts'
import type { NewJob } from '../storage/jobs.ts'
import type { Wake } from '../storage/wakeups.ts'
import type { Database } from './database.ts'
import { translate } from './errors.ts'
import { wakesOf } from './insert-jobs.ts'
import { enqueueInside } from './jobs.ts'
import type { Result, Session, Values } from './pool.ts'
import { ownTypes, type TypeParsers } from './row-types.ts'
import { plain, statement, valuesOf, type Statement, type Statements } from './statement.ts'

/** What is asked of an application's client: the one call that `pg` has; an adapter for another driver offers the same. */
interface ForeignClient {
  query(query: {
    readonly text: string
    readonly values: readonly unknown[]
    readonly types: TypeParsers
  }): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
}

/** When to look for the commit of somebody else's transaction; after that the next scan finds the rows. */
const probeAfterMs = [5, 20, 100, 500]

const visible = statement('probe', 'select id from millrace.job where id = any ($ids::uuid[])')

export function foreignTransactions(db: Database): ForeignTransactions {
  const probe = new Probe(db)
  return {
    async enqueueWith(client, jobs): Promise<readonly EnqueueOutcome[]> {
      if (jobs.length === 0) return []
      const session = new ForeignSession(client as ForeignClient, db.main.statements)
      const outcomes = await enqueueInside(session, jobs)
      probe.watch(jobs.filter((_, index) => outcomes[index]?.kind !== 'duplicate'))
      return outcomes
    },
  }
}

/** Statements of ours on a client of theirs: never prepared under a name, read by our own type parsers. */
class ForeignSession implements Session {
  readonly #client: ForeignClient
  readonly #statements: Statements

  constructor(client: ForeignClient, statements: Statements) {
    this.#client = client
    this.#statements = statements
  }

  async run<Row>(statement: Statement, values: Values): Promise<Result<Row>> {
    const rendered = this.#statements.render(statement)
    try {
      const { rows, rowCount } = await this.#client.query({
        text: rendered.text,
        values: valuesOf(rendered, values),
        types: ownTypes,
      })
      return { rows: rows as Row[], count: rowCount ?? 0, tag: '' }
    } catch (error) {
      throw translate(error, { what: statement.name, whose: 'ours', sent: true })
    }
  }
}

interface Watched {
  readonly id: JobId
  readonly wakes: readonly Wake[]
}

/** Wakes workers once a foreign transaction has committed: a NOTIFY inside it would make its COMMIT queue behind others. */
class Probe {
  readonly #db: Database
  #gathering: Watched[] | null = null

  constructor(db: Database) {
    this.#db = db
  }

  /** Jobs of one call commit together, so one id stands for all. What comes within one wait shares a query. */
  watch(jobs: readonly NewJob[]): void {
    const [first] = jobs
    if (first === undefined) return
    const watched = { id: first.id, wakes: wakesOf(jobs) }
    if (this.#gathering !== null) {
      this.#gathering.push(watched)
      return
    }
    const batch = [watched]
    this.#gathering = batch
    this.#later(0, () => {
      this.#gathering = null
      return batch
    })
  }

  #later(round: number, take: () => readonly Watched[]): void {
    const waitMs = probeAfterMs[round]
    if (waitMs === undefined) return
    this.#db.after(waitMs, () => void this.#look(round, take()))
  }

  async #look(round: number, batch: readonly Watched[]): Promise<void> {
    const { hot, wakeups } = this.#db
    if (hot.isClosed) return
    try {
      const { rows } = await hot.run<{ id: JobId }>(visible, { ids: plain(batch.map(({ id }) => id)) })
      const there = new Set(rows.map((row) => row.id))
      const wakes = batch.filter(({ id }) => there.has(id)).flatMap((one) => one.wakes)
      if (wakes.length > 0) wakeups.send(wakes, hot)
      const left = batch.filter(({ id }) => !there.has(id))
      if (left.length > 0) this.#later(round + 1, () => left)
    } catch {
      this.#later(round + 1, () => batch)
    }
  }
}
