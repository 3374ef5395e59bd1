import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { CustomTypesConfig, Pool } from 'pg'
import { renderSql } from '../../../kernel/rules/sql-template.ts'
import type { Caller } from '../../access/principal.ts'
import type { Row, Statement } from '../../database.ts'
import { defineObject } from '../../object/define-object.ts'
import {
  boolean,
  currency,
  date,
  datetime,
  id,
  integer,
  integerId,
  integerReference,
  json,
  multipicklist,
  number,
  picklist,
  reference,
  text,
} from '../../object/field.ts'
import { Schema } from '../../object/schema.ts'
import type { Query } from '../../query/query.ts'
import { compile, type CompileEnv, type ResultRecord } from '../compile.ts'

export const User = defineObject({
  name: 'User',
  table: 'app_user',
  fields: {
    Id: integerId({ column: 'id' }),
    Name: text({ column: 'name' }),
    IsActive: boolean({ column: 'active' }),
  },
})

export const Account = defineObject({
  name: 'Account',
  table: 'account',
  tenant: 'Tenant',
  softDelete: 'IsDeleted',
  owner: 'OwnerId',
  fields: {
    Id: id({ column: 'id' }),
    Tenant: text({ column: 'tenant', required: true }),
    Name: text({ column: 'name' }),
    Code: text({ column: 'code', caseSensitive: true }),
    Rating: picklist(['Hot', 'Warm', { value: 'Cold', label: 'Ice' }], { column: 'rating' }),
    Topics: multipicklist(['a', 'b', 'c'], { column: 'topics' }),
    Revenue: currency({ column: 'revenue' }),
    Score: number({ column: 'score' }),
    Employees: integer({ column: 'employees' }),
    Founded: date({ column: 'founded' }),
    SeenAt: datetime({ column: 'seen_at' }),
    PingedAt: datetime({ column: 'pinged_at', storedAs: 'epochMs' }),
    SyncedAt: datetime({ column: 'synced_at', storedAs: 'epochSeconds' }),
    Active: boolean({ column: 'active' }),
    Extra: json({ column: 'extra' }),
    OwnerId: integerReference('User', { column: 'owner_id', children: 'Accounts' }),
    ParentId: reference('Account', { column: 'parent_id', children: 'ChildAccounts' }),
    IsDeleted: boolean({ column: 'deleted' }),
    Secret__c: text({ column: 'secret' }),
  },
})

export const Contact = defineObject({
  name: 'Contact',
  table: 'contact',
  tenant: 'Tenant',
  fields: {
    Id: id({ column: 'id' }),
    Tenant: text({ column: 'tenant', required: true }),
    LastName: text({ column: 'last_name' }),
    Age: integer({ column: 'age' }),
    AccountId: reference('Account', { column: 'account_id', children: 'Contacts' }),
  },
})

export const Task = defineObject({
  name: 'Task',
  table: 'task',
  fields: {
    Id: id({ column: 'id' }),
    Subject: text({ column: 'subject' }),
    Due: datetime({ column: 'due' }),
    WhatId: reference(['Account', 'Contact'], {
      column: 'what_id',
      typeColumn: 'what_type',
      children: 'Tasks',
    }),
  },
})

export const schema = new Schema([User, Account, Contact, Task])

/** Tables for both databases: types by name. */
export function tablesFor(kind: 'sqlite' | 'postgres'): string {
  const pg = kind === 'postgres'
  const [instant, bool, money, real, small, day, doc] = pg
    ? ['timestamptz', 'boolean', 'numeric(20,2)', 'double precision', 'int', 'date', 'jsonb']
    : ['text', 'integer', 'real', 'real', 'integer', 'text', 'text']
  return `
    create table app_user (id ${small} primary key, name text, active ${bool});
    create table account (
      id text primary key, tenant text not null, name text, code text, rating text, topics text, revenue ${money}, score ${real},
      employees ${small}, founded ${day}, seen_at ${instant}, pinged_at bigint, synced_at bigint, active ${bool}, extra ${doc},
      owner_id ${small}, parent_id text, deleted ${bool}, secret text);
    create table contact (id text primary key, tenant text not null, last_name text, age bigint, account_id text);
    create table task (id text primary key, subject text, due ${instant}, what_id text, what_type text);`
}

export interface TestRecords {
  readonly kind: 'sqlite' | 'postgres'
  run(statement: Statement): Promise<Row[]>
  insert(table: string, row: Readonly<Record<string, unknown>>): Promise<void>
}

/** `addFunctions`: those that the engine gives its connections. */
export function sqliteRecords(
  addFunctions: (db: DatabaseSync) => void,
): TestRecords & { readonly db: DatabaseSync } {
  const db = new DatabaseSync(':memory:')
  addFunctions(db)
  db.exec(tablesFor('sqlite'))
  const run = async (statement: Statement): Promise<Row[]> => {
    const { text: sql, values } = renderSql(statement.segments, statement.params, 'sqlite', 'test')
    return db.prepare(sql).all(...(values as SQLInputValue[]))
  }
  return { kind: 'sqlite', db, run, insert: inserter(run) }
}

/** `types`: how the engine's connections read values. */
export async function postgresRecords(pool: Pool, types: CustomTypesConfig): Promise<TestRecords> {
  await pool.query(tablesFor('postgres'))
  const run = async (statement: Statement): Promise<Row[]> => {
    const { text: sql, values } = renderSql(statement.segments, statement.params, 'postgres', 'test')
    return (await pool.query<Row>({ text: sql, values: [...values], types })).rows
  }
  return { kind: 'postgres', run, insert: inserter(run) }
}

function inserter(run: TestRecords['run']): TestRecords['insert'] {
  return async (table, row) => {
    const names = Object.keys(row)
    const segments = names.map((_, at) =>
      at === 0 ? `insert into ${table} (${names.join(', ')}) values (` : ', ',
    )
    await run({ segments: [...segments, ')'], params: Object.values(row) })
  }
}

export const caller: Caller = {
  tenant: 'acme',
  principal: null,
  timeZone: 'UTC',
  now: Date.parse('2026-11-24T15:00:00Z'),
}

export const envFor = (kind: 'sqlite' | 'postgres', more: Partial<CompileEnv> = {}): CompileEnv => ({
  kind,
  schema,
  caller,
  access: { mayObject: () => true, mayField: () => true },
  ...more,
})

/** What the query answers there. */
export async function ask(
  records: TestRecords,
  query: Query,
  more: Partial<CompileEnv> = {},
): Promise<ResultRecord[]> {
  const compiled = compile(query, envFor(records.kind, more))
  return (await records.run(compiled.statement)).map((row) => compiled.shape(row))
}
