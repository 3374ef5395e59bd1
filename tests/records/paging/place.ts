import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPostgres } from '../../../packages/millrace/src/kernel/postgres/open.ts'
import { createIdSource } from '../../../packages/millrace/src/kernel/rules/ids.ts'
import { openSqlite } from '../../../packages/millrace/src/kernel/sqlite/open.ts'
import type { Storage } from '../../../packages/millrace/src/kernel/storage/storage.ts'
import type { StorageTransaction } from '../../../packages/millrace/src/kernel/storage/transaction.ts'
import { Access } from '../../../packages/millrace/src/records/access/access.ts'
import { defineRole } from '../../../packages/millrace/src/records/access/define-role.ts'
import type { CursorEnv } from '../../../packages/millrace/src/records/cursor/cursor.ts'
import { defineObject } from '../../../packages/millrace/src/records/object/define-object.ts'
import * as field from '../../../packages/millrace/src/records/object/field.ts'
import { Schema } from '../../../packages/millrace/src/records/object/schema.ts'
import { TriggerSet } from '../../../packages/millrace/src/records/trigger/trigger-set.ts'
import {
  readingDatabase,
  transactionDatabase,
} from '../../../packages/millrace/src/records/storage-database.ts'
import { createTestDatabase } from '../../support/postgres.ts'

export const schema = new Schema([
  defineObject({
    name: 'Item',
    table: 'item',
    tenant: 'Tenant',
    softDelete: 'Gone',
    fields: {
      Id: field.integerId(),
      Tenant: field.text(),
      Name: field.text(),
      Rank: field.integer(),
      Gone: field.boolean(),
    },
  }),
  defineObject({
    name: 'Doc',
    table: 'doc',
    fields: {
      Id: field.id(),
      Name: field.text(),
      ItemId: field.integerReference('Item', { children: 'Docs' }),
    },
  }),
])

const access = new Access(schema, [defineRole({ name: 'reader', allObjects: { read: true } })])
let salt = 0
export const newId = createIdSource(Date.now, (n) =>
  Uint8Array.from({ length: n }, () => (salt = (salt * 73 + 41) % 256)),
)

/** One database with the application's tables, and the processes on it. */
export interface Place {
  readonly kind: 'sqlite' | 'postgres'
  readonly storage: Storage
  /** Another process on it. */
  another(): Promise<Storage>
  /** Runs statements of the application's, each in a transaction of its own. */
  sql(segments: TemplateStringsArray, ...params: readonly unknown[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export interface Who {
  readonly tenant?: string
  readonly roles?: readonly string[]
  readonly transaction?: StorageTransaction
}

export function envOf(
  { kind, storage }: Pick<Place, 'kind' | 'storage'>,
  { tenant = 'acme', roles, transaction }: Who = {},
): CursorEnv {
  return {
    database:
      transaction === undefined
        ? readingDatabase(kind, storage.reader, 60_000)
        : transactionDatabase(kind, async () => transaction),
    snapshots: (transaction ?? storage).snapshots,
    schema,
    access,
    caller: {
      tenant,
      principal: roles === undefined ? null : { id: 'ann', roles },
      timeZone: 'UTC',
      now: Date.now(),
    },
    triggers: new TriggerSet(schema),
    context: {} as CursorEnv['context'],
    newId,
  }
}

export const application = { token: null, idleTimeoutMs: 30_000, writeTimeoutMs: 30_000 }
const release = '0.1.0'

async function placeOf(open: () => Promise<Storage>, remove: () => Promise<void>): Promise<Place> {
  const opened = [await open()]
  const storage = opened[0] as Storage
  await storage.schema.migrate()
  const { kind } = storage
  const sql: Place['sql'] = async (segments, ...params) => {
    const transaction = await storage.begin(application)
    try {
      const rows = await transaction.query(segments, params)
      await transaction.commit()
      return rows
    } finally {
      await transaction.rollback()
    }
  }
  const [boolean, uuid] = kind === 'postgres' ? ['boolean', 'uuid'] : ['integer', 'text']
  const run = (text: string): Promise<unknown> => sql([text] as unknown as TemplateStringsArray)
  await run(
    `create table item ("Id" integer primary key, "Tenant" text, "Name" text, "Rank" integer, "Gone" ${boolean})`,
  )
  await run(`create table doc ("Id" ${uuid} primary key, "Name" text, "ItemId" integer)`)
  return {
    kind,
    storage,
    sql,
    async another() {
      const another = await open()
      opened.push(another)
      return another
    },
    async close() {
      for (const one of opened) await one.close()
      await remove()
    },
  }
}

export async function sqlitePlace({
  synchronous = 'FULL',
}: { readonly synchronous?: 'FULL' | 'NORMAL' } = {}): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-paging-'))
  return placeOf(
    () => openSqlite({ path: join(folder, 'mill.db'), release, synchronous }),
    () => rm(folder, { recursive: true }),
  )
}

/** Undefined where there is no PostgreSQL. */
export async function postgresPlace(): Promise<Place | undefined> {
  const database = await createTestDatabase()
  if (database === undefined) return undefined
  return placeOf(
    () => openPostgres({ url: database.url, release, poolSize: 4 }),
    () => database.drop(),
  )
}

/** Rows `from` to `to` of a tenant; Rank falls as Id rises. */
export async function fillItems(place: Place, from: number, to: number, tenant = 'acme'): Promise<void> {
  const gone = place.kind === 'postgres' ? false : 0
  await place.sql`insert into item ("Id", "Tenant", "Name", "Rank", "Gone")
    with recursive g(i) as (select cast(${from} as integer) union all select i + 1 from g where i < ${to})
    select i, cast(${tenant} as text), 'n' || i, -i, ${gone} from g`
}
