import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../../../tests/support/postgres.ts'
import { tableStatements } from './ddl.ts'
import { postgresTables } from './postgres-tables.ts'
import { Schema } from './schema.ts'
import { definitionsOf, plain, shop, type Catalog } from './test-support/round-trip.ts'

const database: TestDatabase | undefined = await createTestDatabase()

describe.skipIf(database === undefined)('PostgreSQL', () => {
  const client = new pg.Client({ connectionString: database?.url })
  const catalog: Catalog = {
    query: async ({ segments, params }) => {
      const text = segments.map((part, at) => (at === 0 ? part : `$${at}${part}`)).join('')
      return (await client.query<Record<string, unknown>>(text, [...params])).rows
    },
  }
  beforeAll(() => client.connect())
  afterAll(async () => {
    await client.end()
    await database?.drop()
  })

  test('create, then introspect: the same definitions', async () => {
    const schema = new Schema(shop)
    await client.query(tableStatements(schema.objects, schema, 'postgres').join('\n'))
    const { objects } = await definitionsOf(await postgresTables(catalog, 'millrace'))
    expect(Object.keys(objects)).toEqual(['Plane', 'Airport', 'Flight'])
    for (const one of shop) expect(plain(objects[one.name] ?? one)).toEqual(plain(one))
    await expect(
      client.query(`insert into airports (id, code, tenant_id, size) values ('1', 'FRA', 'a', 'huge')`),
    ).rejects.toThrow(/check constraint/)
    await expect(client.query(`insert into flights (id, origin_id) values ('f', 'nowhere')`)).rejects.toThrow(
      /foreign key/,
    )
    await client.query('drop table flights, airports, "Plane"')
  })

  test('what an application has made by itself', async () => {
    await client.query(`
      create type mood as enum ('sad', 'it''s ok', 'happy');
      create domain mail as varchar(80) check (value like '%@%');
      create schema other;
      create schema millrace;
      create table millrace.job (id uuid primary key);
      create table other.country (code char(2) primary key);
      create table other.hidden (id int primary key);
      create table people (id uuid primary key default gen_random_uuid(), e_mail mail not null unique,
        mood mood not null default 'happy', state varchar(10) check (state in ('on')), level int check (level in (1, 2)),
        kind text check (kind in ('x, y', 'ARRAY[]', 'it''s')), price numeric(12,3), whole numeric(9), free numeric, tags text[],
        at timestamp, born date default current_date, seq bigint generated always as identity,
        shout text generated always as (upper(kind)) stored, country char(2) references other.country,
        boss uuid references people (id) on delete cascade, "weird ""name""" boolean default false);
      create unique index on people (lower(kind));
      create unique index on people (level) where state = 'on';
      create unique index on people (whole);
      create table parts (id bigserial primary key) partition by range (id);
      create table parts_1 partition of parts for values from (1) to (10)`)
    const { text, objects } = await definitionsOf(await postgresTables(catalog, 'millrace'))
    expect(Object.keys(objects)).toEqual(['Part', 'People'])
    expect(objects['People']?.fields).toMatchObject({
      Id: { type: 'id', numeric: false },
      EMail: { type: 'text', length: 80, required: true, unique: true },
      Mood: {
        type: 'picklist',
        values: [{ value: 'sad' }, { value: "it's ok" }, { value: 'happy' }],
        default: 'happy',
      },
      State: { type: 'picklist', values: [{ value: 'on' }] },
      Level: { type: 'integer', unique: false },
      Kind: {
        type: 'picklist',
        values: [{ value: 'x, y' }, { value: 'ARRAY[]' }, { value: "it's" }],
        unique: false,
      },
      Price: { type: 'number', scale: 3 },
      Whole: { type: 'integer', unique: true },
      Free: { type: 'number', scale: undefined },
      Seq: { type: 'integer', readOnly: true, required: false },
      Shout: { type: 'text', readOnly: true },
      Boss: { type: 'reference', references: ['People'], children: 'Peoples' },
      Born: { type: 'date', required: false },
      WeirdName: { type: 'boolean', column: 'weird "name"', default: false },
    })
    expect(text).toContain('// column "tags": left out: no field type fits text[]')
    expect(text).toContain('// column "country": it refers to "other.country", which is not here')
    expect(text).toContain('a timestamp without time zone is read in the zone of the connection')

    const named = await definitionsOf(await postgresTables(catalog, 'millrace', ['Other.Country', 'people']))
    expect(named.objects['Country']).toMatchObject({ table: 'other.country', idField: 'Code' })
    expect(named.objects['People']?.fields['Country']).toMatchObject({
      references: ['Country'],
      children: 'Peoples',
    })
  })
})
