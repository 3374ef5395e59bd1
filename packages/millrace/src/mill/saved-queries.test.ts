import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  createMill,
  defineListView,
  defineObject,
  defineQueueable,
  defineReport,
  defineRole,
  id,
  integer,
  reference,
  text,
  type Mill,
} from '../index.ts'

const Team = defineObject({
  name: 'Team',
  table: 'team',
  tenant: 'Tenant',
  fields: {
    Id: id({ column: 'id' }),
    Name: text({ column: 'name' }),
    Points: integer({ column: 'points' }),
    Tenant: text({ column: 'tenant' }),
    RivalId: reference('Team', { column: 'rival_id' }),
  },
})
const teams = defineListView({ name: 'teams', object: Team, columns: ['Name', 'RivalId'], sort: ['Points'] })
const points = defineReport({
  name: 'points',
  object: Team,
  columns: ['Name'],
  aggregates: [{ field: 'Points', function: 'sum' }],
})
const nobody = defineRole({ name: 'nobody', objects: {} })
const counted = defineQueueable({
  name: 'counted',
  async execute(_input: null, ctx) {
    await ctx.sql`insert into team values ('t9', 'New', 9, ${ctx.tenant}, null)`
    return (await ctx.records.listView('teams')).rows.map(({ cells }) => cells[0]?.label)
  },
})

let mill: Mill

beforeEach(async () => {
  mill = await createMill({ storage: 'sqlite::memory:', definitions: [Team, teams, points, nobody, counted] })
  await mill.transaction(async (tx) => {
    await tx.sql`create table team (id text primary key, name text, points integer, tenant text, rival_id text)`
    await tx.sql`insert into team values ('t1', 'Reds', 5, 'default', 't2'), ('t2', 'Blues', 3, 'default', 't1'),
      ('t3', 'MARKER', 1, 'acme', 't1')`
  })
})
afterEach(async () => await mill.stop())

test('list views and reports run by definition and by name, in the tenant of the caller', async () => {
  const { rows } = await mill.records.listView('teams')
  expect(rows.map(({ cells }) => cells.map(({ label }) => label))).toEqual([
    ['Blues', 'Reds'],
    ['Reds', 'Blues'],
  ])
  expect(await mill.records.listView(teams)).toMatchObject({ rows })
  const acme = await mill.records.as({ tenant: 'acme' }).listView('teams')
  // The record of another tenant has no name here.
  expect(acme.rows.map(({ cells }) => cells.map(({ label }) => label))).toEqual([['MARKER', 't1']])
  expect((await mill.records.report('points')).totals).toMatchObject({ count: 2, aggregates: [{ value: 8 }] })
})

test('in a handler they see what it has written', async () => {
  await mill.start()
  const job = await mill.enqueue(counted, null)
  expect(await job.completed({ timeout: '10 seconds' })).toEqual(['Blues', 'Reds', 'New'])
})

test('rights of the user hold', async () => {
  const as = mill.records.as({ runAs: 'nobody' })
  await expect(as.listView('teams')).rejects.toMatchObject({ code: 'MILL_ACCESS_DENIED' })
  await expect(as.report('points')).rejects.toMatchObject({ code: 'MILL_ACCESS_DENIED' })
  expect(await as.listView('teams', { mode: 'system' })).toMatchObject({ rowCount: 2 })
})

test('a name of nothing, or of the other kind, is refused with the nearest', async () => {
  const unknown = { code: 'MILL_SAVED_QUERY_UNKNOWN' }
  await expect(mill.records.listView('team')).rejects.toMatchObject(unknown)
  await expect(mill.records.listView('team')).rejects.toThrow('did you mean teams?')
  await expect(mill.records.listView('points')).rejects.toThrow('points is a report; run it with report()')
  await expect(mill.records.report('teams')).rejects.toThrow('teams is a list view; run it with listView()')
})

test('administrators edit others, which run as those of code do', async () => {
  const json = { type: 'listView', name: 'strong', object: 'Team', columns: ['Name'] }
  await mill.savedQueries.save(json, { expected: null, by: 'ann' })
  const filters = [{ field: 'Points', operator: 'greaterThan', value: '4' }]
  await mill.savedQueries.save({ ...json, filters }, { expected: 1, by: 'bob', tenant: null })
  expect((await mill.records.listView('strong')).rows.map(({ id }) => id)).toEqual(['t1'])
  expect((await mill.savedQueries.list()).map(({ name, version }) => `${name} ${version}`)).toEqual([
    'points null',
    'strong 2',
    'teams null',
  ])
  await mill.savedQueries.save(json, { expected: null, tenant: 'acme' })
  expect((await mill.records.as({ tenant: 'acme' }).listView('strong')).rows.map(({ id }) => id)).toEqual([
    't3',
  ])
  await mill.savedQueries.remove('strong', { expected: 2 })
  await expect(mill.records.listView('strong')).rejects.toMatchObject({ code: 'MILL_SAVED_QUERY_UNKNOWN' })
  expect((await mill.savedQueries.history('strong')).map(({ version, by }) => [version, by])).toEqual([
    [3, null],
    [2, 'bob'],
    [1, 'ann'],
  ])
})

test('none is saved beside an open SQLite transaction, which it would wait for', async () => {
  const json = { type: 'listView', name: 'late', object: 'Team', columns: ['Name'] }
  await mill.transaction(async (tx) => {
    await tx.sql`update team set points = 1`
    const save = mill.savedQueries.save(json, { expected: null })
    await expect(save).rejects.toMatchObject({ code: 'MILL_OPTIONS_INVALID' })
    expect(await mill.records.listView('teams')).toMatchObject({ rowCount: 2 })
  })
  expect(await mill.savedQueries.history('late')).toEqual([])
})

test('one in code that does not fit its object is refused when the mill is made', async () => {
  const wrong = defineListView({ name: 'wrong', object: Team, columns: ['Pionts'] })
  const made = createMill({ storage: 'sqlite::memory:', definitions: [Team, wrong] })
  await expect(made).rejects.toThrow('list view wrong: columns[0] Team has no field Pionts')
  await expect(made).rejects.toMatchObject({ code: 'MILL_SAVED_QUERY_INVALID' })
})
