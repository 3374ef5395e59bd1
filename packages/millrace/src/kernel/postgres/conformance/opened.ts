import pg from 'pg'
import { createTestDatabase } from '../../../../../../tests/support/postgres.ts'
import type { ForeignTransactions } from '../../storage/foreign.ts'
import { Bench } from '../../storage/conformance/fixtures.ts'
import type { Storage } from '../../storage/storage.ts'
import { openPostgres, type PostgresOptions } from '../open.ts'

export type PostgresStorage = Storage & ForeignTransactions

const probe = await createTestDatabase()
await probe?.drop()
/** Skips suites where there is no PostgreSQL. */
export const hasPostgres = probe !== undefined

/** A database for the tests of one file, with more storages and raw clients on it. Everything is closed at the end. */
export class PostgresBench extends Bench {
  readonly #state: { url: string; readonly closing: (() => Promise<unknown>)[] }

  constructor(options: Partial<PostgresOptions> = {}) {
    const state = { url: '', closing: [] as (() => Promise<unknown>)[] }
    super(async () => {
      const database = await createTestDatabase()
      if (database === undefined) throw new Error('there is no PostgreSQL')
      state.url = database.url
      const storage = await openPostgres({ url: database.url, release: '0.1.0', ...options })
      return {
        storage,
        dispose: async () => {
          await storage.close()
          for (const close of state.closing) await close()
          await database.drop()
        },
      }
    })
    this.#state = state
  }

  get url(): string {
    return this.#state.url
  }

  /** The url with a parameter more. */
  urlWith(name: string, value: string): string {
    const url = new URL(this.url)
    url.searchParams.set(name, value)
    return url.href
  }

  async open(options: Partial<PostgresOptions> = {}): Promise<PostgresStorage> {
    const storage = await openPostgres({ url: this.url, release: '0.1.0', ...options })
    this.#state.closing.push(() => storage.close())
    return storage
  }

  /** A connection of somebody else. */
  async client(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url })
    client.on('error', () => undefined)
    await client.connect()
    this.#state.closing.push(() => client.end())
    return client
  }

  /** One statement on a connection of its own. */
  async sql(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text, values)).rows
    } finally {
      await client.end()
    }
  }
}

/** Resolves when `holds` does, asked again and again. */
export async function eventually(holds: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await holds())) {
    await new Promise((resolve) => setImmediate(resolve))
    if (Date.now() > end) throw new Error(`not so within ${withinMs} ms: ${holds.toString()}`)
  }
}

/** What a promise rejects with; undefined when it resolves. */
export function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}
