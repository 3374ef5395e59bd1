import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { tableStatements } from './ddl.ts'
import { introspect } from './introspect.ts'
import { defineObject } from './define-object.ts'
import { id, text } from './field.ts'
import { Schema } from './schema.ts'
import { sourceText } from './source-text.ts'
import { sqliteTables } from './sqlite-tables.ts'
import { definitionsOf, plain, priced, shop, type Catalog } from './test-support/round-trip.ts'

let database: DatabaseSync
const catalog: Catalog = {
  query: async ({ segments, params }) =>
    database.prepare(segments.join('?')).all(...(params as SQLInputValue[])),
}

beforeEach(() => {
  database = new DatabaseSync(':memory:')
})
afterEach(() => database.close())

async function read(sql: string, only?: readonly string[]) {
  database.exec(sql)
  return definitionsOf(await sqliteTables(catalog, only))
}

describe('SQLite', () => {
  test('create, then introspect: the same definitions', async () => {
    const schema = new Schema([...shop, priced])
    const { objects } = await read(tableStatements(schema.objects, schema, 'sqlite').join('\n'))
    expect(Object.keys(objects)).toEqual(['Plane', 'Priced', 'Airport', 'Flight'])
    for (const one of [...shop, priced]) expect(plain(objects[one.name] ?? one)).toEqual(plain(one))
    expect(objects['Airport']?.fields['IsActive']?.default).toBe(true)
  })

  test('the tables keep what the definitions say', () => {
    const schema = new Schema(shop)
    database.exec(tableStatements(schema.objects, schema, 'sqlite').join('\n'))
    const insert = (more: string, values: string) =>
      database.exec(`insert into airports (id, code, tenant_id${more}) values ('1', 'FRA', 'a'${values})`)
    expect(() => insert(', size', ", 'huge'")).toThrow(/CHECK/)
    expect(() => insert(', is_active', ', 2')).toThrow(/CHECK/)
    expect(() => insert(', name', ', null')).toThrow(/NOT NULL/)
    insert('', '')
    expect(() =>
      database.exec("insert into airports (id, code, tenant_id) values ('2', 'FRA', 'a')"),
    ).toThrow(/UNIQUE/)
    expect(() => database.exec("insert into flights (id, origin_id) values ('f', 'nowhere')")).toThrow(
      /FOREIGN KEY/,
    )
    expect({ ...database.prepare('select name, size, is_active, opened_on from airports').get() }).toEqual({
      name: "it's new",
      size: 'small',
      is_active: 1,
      opened_on: '2026-11-24',
    })
  })

  test('what an application has made by itself', async () => {
    const { text, objects } = await read(`
      create table user_accounts (id integer primary key autoincrement, e_mail varchar(80) unique collate nocase,
        manager_id int references user_accounts, is_admin tinyint not null check (is_admin in (0, 1)),
        state text check(state in('on','off')) default ('on'), balance decimal(10,2), joined timestamp default current_timestamp,
        avatar blob, full_name text generated always as (e_mail || '!') stored, "owner" text references companies(name));
      create table companies (name text not null unique, vat text primary key) without rowid;
      create table links (a int, b int, primary key (a, b));
      create table logs (line text);
      create virtual table searchable using fts5(body);
      create table millrace_like (id integer primary key)`)
    expect(objects['UserAccount']?.fields).toMatchObject({
      Id: { type: 'id', numeric: true, column: 'id' },
      EMail: { type: 'text', length: 80, unique: true },
      ManagerId: { type: 'reference', numeric: true, references: ['UserAccount'], children: 'UserAccounts' },
      IsAdmin: { type: 'boolean', required: true },
      State: { type: 'picklist', values: [{ value: 'on' }, { value: 'off' }], default: 'on' },
      Balance: { type: 'number', scale: 2 },
      Joined: { type: 'datetime', required: false },
      FullName: { type: 'text', readOnly: true },
      Owner: { type: 'text' },
    })
    expect(Object.keys(objects)).toEqual(['Company', 'UserAccount'])
    expect(objects['Company']?.idField).toBe('Vat')
    expect(text).toContain('// column "avatar": left out: no field type fits blob')
    expect(text).toContain('// column "owner": it refers to "name" of Company, which is not its primary key')
    expect(text).toContain('its default is made by the database: "current_timestamp"')
    expect(text).toContain('// table "links" is left out: its primary key has several columns')
    expect(text).toContain('// table "logs" is left out: it has no primary key')
    expect(text).not.toMatch(/millrace_like|searchable/)
  })

  test('a table alone: its references to others become plain fields', async () => {
    const schema = new Schema(shop)
    const { text, objects } = await read(tableStatements(schema.objects, schema, 'sqlite').join('\n'), [
      'FLIGHTS',
    ])
    expect(Object.keys(objects)).toEqual(['Flight'])
    expect(objects['Flight']?.fields['OriginId']).toMatchObject({ type: 'text', required: true })
    expect(text).toContain('// column "origin_id": it refers to "airports", which is not here')
  })

  test('hostile names and texts stay texts', async () => {
    const evil = `'}); globalThis.hacked = 1; ({x:'`
    const { text, objects } = await read(`
      create table "a""b${evil}" (id integer primary key);
      create table good (id integer primary key, "${evil}\u2028\nglobalThis.hacked = 1 //" text default '''\${x}\\',
        "weiße Straße" text check ("weiße Straße" in ('it''s', '\${evil}', 'back\\')), "1st" text, "___" text,
        "*/ evil \r x" blob, "__proto__" text, constructor text)`)
    expect(globalThis).not.toHaveProperty('hacked')
    const fields = objects['Good']?.fields ?? {}
    expect(Object.keys(objects)).toEqual(['Good'])
    expect(fields['WeisseStrasse']).toMatchObject({
      column: 'weiße Straße',
      values: [{ value: "it's" }, { value: '${evil}' }, { value: 'back\\' }],
    })
    expect(Object.keys(fields)).toEqual([
      'Id',
      'GlobalThisHacked1XGlobalThisHacked1',
      'WeisseStrasse',
      'Column1st',
      'Column',
      'Proto',
      'Constructor',
    ])
    expect(fields['GlobalThisHacked1XGlobalThisHacked1']?.default).toBe("'${x}\\")
    expect(text.split('\n').filter((line) => line.startsWith('globalThis'))).toEqual([])
    expect(text).toContain('its name is no plain identifier')
  })
})

test('names of definitions cannot break out of the statements', () => {
  const evil = defineObject({
    name: 'Evil',
    fields: {
      Id: id({ column: 'x" text); drop table t; --' }),
      Name: text({ column: `"`, default: `'); drop table t; --`, required: true }),
    },
  })
  database.exec('create table t (a)')
  const schema = new Schema([evil])
  database.exec(tableStatements(schema.objects, schema, 'sqlite').join('\n'))
  expect(database.prepare("select name from sqlite_schema where type = 'table'").all()).toHaveLength(2)
  database.exec(`insert into "Evil" ("x"" text); drop table t; --") values ('1')`)
  expect({ ...database.prepare('select * from "Evil"').get() }).toEqual({
    'x" text); drop table t; --': '1',
    '"': `'); drop table t; --`,
  })
})

test('two tables that read alike are told apart, and so are two ways to the same', () => {
  const table = (name: string) => ({
    schema: undefined,
    name,
    columns: ['id', 'owner', 'owner_id'].map((column) => ({
      name: column,
      type: 'text',
      length: undefined,
      scale: undefined,
      nullable: true,
      default: undefined,
      values: undefined,
      generated: false,
    })),
    primaryKey: ['id'],
    uniques: [],
    foreignKeys: ['owner', 'owner_id'].map((column) => ({
      columns: [column],
      schema: undefined,
      table: 'user',
      targets: [],
    })),
  })
  const found = introspect([table('user'), table('users')])
  expect(found.objects.map((one) => one.name)).toEqual(['User', 'User2'])
  expect(
    found.objects[1]?.fields.map((one) => [one.options['relationship'], one.options['children']]),
  ).toEqual([
    [undefined, undefined],
    [undefined, 'OwnerUser2s'],
    ['Owner2', 'OwnerUser2s2'],
  ])
})

test('an empty database gives no code at all', () => {
  expect(sourceText(introspect([]))).toBe('\n')
})
