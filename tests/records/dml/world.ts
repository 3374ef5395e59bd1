import { v7 } from 'uuid'
import { createTestDatabase } from '../../support/postgres.ts'
import { openPostgres } from '../../../packages/millrace/src/kernel/postgres/open.ts'
import { openSqlite } from '../../../packages/millrace/src/kernel/sqlite/open.ts'
import type { Storage } from '../../../packages/millrace/src/kernel/storage/storage.ts'
import type { StorageTransaction } from '../../../packages/millrace/src/kernel/storage/transaction.ts'
import { Access } from '../../../packages/millrace/src/records/access/access.ts'
import type { RoleDefinition } from '../../../packages/millrace/src/records/access/define-role.ts'
import type { Caller } from '../../../packages/millrace/src/records/access/principal.ts'
import type { RecordsDatabase, Row } from '../../../packages/millrace/src/records/database.ts'
import type { RecordsEnv } from '../../../packages/millrace/src/records/env.ts'
import { Schema } from '../../../packages/millrace/src/records/object/schema.ts'
import { transactionDatabase } from '../../../packages/millrace/src/records/storage-database.ts'
import type { TriggerDefinition } from '../../../packages/millrace/src/records/trigger/trigger.ts'
import { TriggerSet } from '../../../packages/millrace/src/records/trigger/trigger-set.ts'
import { Account, Entry, Note, Owner, tables } from './objects.ts'

export interface Work extends RecordsEnv {
  readonly transaction: StorageTransaction
  /** Statements that ran, by their text. */
  readonly texts: readonly string[]
  readonly sql: (text: string) => Promise<Row[]>
}

interface Options {
  readonly triggers?: readonly TriggerDefinition[]
  readonly roles?: readonly RoleDefinition[]
  readonly caller?: Partial<Caller>
}

/** The tables of objects.ts in a database of their own. */
export class World {
  readonly kind: Storage['kind']
  readonly #storage: Storage
  readonly #drop: () => Promise<void>

  private constructor(storage: Storage, drop: () => Promise<void>) {
    this.kind = storage.kind
    this.#storage = storage
    this.#drop = drop
  }

  /** undefined where there is no PostgreSQL. */
  static async open(kind: Storage['kind']): Promise<World | undefined> {
    if (kind === 'sqlite') {
      const storage = await openSqlite({ path: ':memory:', release: '0.1.0' })
      return World.#made(new World(storage, () => storage.close()))
    }
    const database = await createTestDatabase()
    if (database === undefined) return undefined
    const storage = await openPostgres({ url: database.url, release: '0.1.0' })
    return World.#made(
      new World(storage, async () => {
        await storage.close()
        await database.drop()
      }),
    )
  }

  static async #made(world: World): Promise<World> {
    await world.work(async ({ sql }) => {
      for (const text of tables[world.kind]) await sql(text)
    })
    return world
  }

  close(): Promise<void> {
    return this.#drop()
  }

  async clear(): Promise<void> {
    await this.work(async ({ sql }) => {
      for (const table of ['accounts', 'notes', 'owners', 'entries']) await sql(`delete from ${table}`)
    })
  }

  /** In a transaction that commits when it returns. */
  async work<T>(work: (env: Work) => Promise<T>, options: Options = {}): Promise<T> {
    const transaction = await this.#storage.begin({
      token: null,
      idleTimeoutMs: 60_000,
      writeTimeoutMs: 60_000,
    })
    try {
      const answer = await work(this.#env(transaction, options))
      await transaction.commit()
      return answer
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  #env(transaction: StorageTransaction, { triggers = [], roles = [], caller }: Options): Work {
    const schema = new Schema([Owner, Account, Note, Entry])
    const texts: string[] = []
    const real = transactionDatabase(this.kind, () => Promise.resolve(transaction))
    const database: RecordsDatabase = {
      ...real,
      query: (statement) => {
        texts.push(statement.segments.join('?'))
        return real.query(statement)
      },
    }
    const sql = (text: string): Promise<Row[]> => transaction.query([text], [])
    return {
      transaction,
      texts,
      sql,
      database,
      schema,
      access: new Access(schema, roles),
      caller: {
        tenant: 'acme',
        principal: null,
        timeZone: 'UTC',
        now: Date.parse('2026-11-24T10:00:00Z'),
        ...caller,
      },
      triggers: new TriggerSet(schema, triggers),
      context: {
        tenant: 'acme',
        runAs: undefined,
        get records(): never {
          throw new Error('not here')
        },
        get soql(): never {
          throw new Error('not here')
        },
        sql: async (segments, ...values) => (await transaction.query(segments, values)) as never,
        enqueue: () => Promise.reject(new Error('not here')),
      },
      newId: () => v7(),
    }
  }
}
