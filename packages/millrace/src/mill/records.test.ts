import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  boolean,
  createMill,
  datetime,
  defineObject,
  defineQueueable,
  defineRole,
  defineTrigger,
  id,
  integer,
  picklist,
  reference,
  text,
  type Mill,
  type MillConfig,
  type RecordOf,
  type Records,
} from '../index.ts'
import { createTestMill } from '../testing/index.ts'

const Account = defineObject({
  name: 'Account',
  table: 'accounts',
  fields: {
    Id: id({ column: 'id' }),
    Name: text({ column: 'name', required: true, length: 40 }),
    Industry: picklist(['Energy', 'Media'], { column: 'industry' }),
    Employees: integer({ column: 'employees' }),
    CreatedDate: datetime({ column: 'created' }),
  },
})
type Account = RecordOf<typeof Account>
const Contact = defineObject({
  name: 'Contact',
  table: 'contacts',
  tenant: 'Tenant__c',
  fields: {
    Id: id({ column: 'id' }),
    LastName: text({ column: 'last_name', required: true }),
    AccountId: reference('Account', { column: 'account_id', children: 'Contacts' }),
    Tenant__c: text({ column: 'tenant' }),
    Active: boolean({ column: 'active' }),
  },
})
const reader = defineRole({
  name: 'reader',
  objects: { Account: { read: true, fields: { Employees: { read: false } } } },
})

const tables = [
  'create table accounts (id text primary key, name text, industry text, employees integer, created text)',
  'create table contacts (id text primary key, last_name text, account_id text, tenant text, active integer)',
]
const definitions = [Account, Contact, reader]

let mill: Mill

async function fill(into: Pick<Mill, 'transaction'>): Promise<void> {
  await into.transaction(async (tx) => {
    const run = (statement: string) => tx.sql([statement] as unknown as TemplateStringsArray)
    for (const table of tables) await run(table)
    for (let n = 1; n <= 5; n += 1)
      await tx.sql`insert into accounts values (${`a${n}`}, ${`Account ${n}`}, ${n % 2 === 0 ? 'Energy' : 'Media'}, ${n * 10}, ${`2026-01-0${n}T12:00:00.000Z`})`
    await tx.sql`insert into contacts values ('c1', 'Able', 'a1', 'default', 1), ('c2', 'Baker', 'a1', 'default', 0),
      ('c3', 'Carol', 'a2', 'acme', 1), ('c4', 'Dan', null, 'default', 1)`
  })
}

beforeEach(async () => {
  mill = await createMill({ storage: 'sqlite::memory:', definitions })
  await fill(mill)
})
afterEach(() => mill.stop())

test('soql gives rows, a number, and a stream', async () => {
  const names = ['Account 1', 'account 4', 'none']
  const query = mill.soql<
    Pick<Account, 'Id' | 'Name'>
  >`SELECT Id, Name FROM Account WHERE Name IN ${names} ORDER BY Name`
  expect(await query).toEqual([
    { Id: 'a1', Name: 'Account 1' },
    { Id: 'a4', Name: 'Account 4' },
  ])
  expect(await query.count()).toBe(2)
  expect(await mill.soql`SELECT COUNT() FROM Account WHERE Employees > ${20}`.count()).toBe(3)
  await expect(mill.soql`SELECT COUNT() FROM Account`).rejects.toMatchObject({ code: 'MILL_QUERY_INVALID' })
  await expect(mill.soql`SELECT COUNT(Id) FROM Account`.count()).rejects.toMatchObject({
    code: 'MILL_QUERY_INVALID',
  })
  const ids: string[] = []
  for await (const { Id } of mill.soql<Account>`SELECT Id FROM Account ORDER BY Id`) ids.push(Id)
  expect(ids).toEqual(['a1', 'a2', 'a3', 'a4', 'a5'])
  const sizes: number[] = []
  for await (const page of mill.soql`SELECT Id FROM Account`.pages(2)) sizes.push(page.length)
  expect(sizes).toEqual([2, 2, 1])
})

test('fiscal years begin with the month of the config, in queries and in cursors', async () => {
  const quarters = async (records: MillConfig['records'] = {}) => {
    const other = await createMill({ storage: 'sqlite::memory:', definitions, records })
    await fill(other)
    await other.transaction(
      (tx) => tx.sql`update accounts set created = '2026-02-01T12:00:00Z' where id > 'a3'`,
    )
    const rows = await other.soql<{ q: number; n: number }>`SELECT FISCAL_QUARTER(CreatedDate) q, COUNT(Id) n
      FROM Account GROUP BY FISCAL_QUARTER(CreatedDate) ORDER BY FISCAL_QUARTER(CreatedDate)`
    const cursor = await other.records.openCursor(
      other.soql`SELECT Id FROM Account WHERE FISCAL_QUARTER(CreatedDate) = 4`,
    )
    await other.stop()
    return [...rows.map(({ q, n }) => [q, n]), cursor.numberOfRecords]
  }
  expect(await quarters()).toEqual([[1, 5], 0])
  expect(await quarters({ fiscalYearStart: 2 })).toEqual([[1, 2], [4, 3], 3])
})

test('a query is run when it is awaited, once', async () => {
  const query = mill.soql`SELECT Id FROM Account WHERE Id = 'a1'`
  await mill.transaction((tx) => tx.sql`delete from accounts`)
  expect(await query).toEqual([])
  expect(await query.then((rows) => rows.length)).toBe(0)
  const wrong = mill.soql`SELECT Nmae FROM Account`
  expect(await wrong.catch((error: unknown) => (error as { code: string }).code)).toBe('MILL_FIELD_UNKNOWN')
  let ended = 0
  await expect(wrong.finally(() => (ended += 1))).rejects.toThrow(/Nmae/)
  expect(ended).toBe(1)
})

test('typed queries', async () => {
  const some = await mill.records.query(Account, {
    fields: ['Name', 'Employees'],
    where: { Employees: { gte: 20, lt: 50 }, or: [{ Industry: 'Energy' }, { Name: { like: '%3' } }] },
    orderBy: { field: 'Employees', direction: 'desc' },
    limit: 2,
  })
  expect(some).toEqual([
    { Name: 'Account 4', Employees: 40 },
    { Name: 'Account 3', Employees: 30 },
  ])
  const [first] = await mill.records.query(Account, { where: { Id: 'a1' } })
  expect(first).toEqual({
    Id: 'a1',
    Name: 'Account 1',
    Industry: 'Media',
    Employees: 10,
    CreatedDate: new Date('2026-01-01T12:00:00Z'),
  })
  const [contact] = await mill.records.query(Contact, {
    fields: ['LastName', 'Account.Name'],
    where: { 'Account.Name': 'ACCOUNT 1', not: { LastName: ['Baker'] } },
  })
  expect(contact).toEqual({ LastName: 'Able', Account: { Name: 'Account 1' } })
  expect(await mill.records.count(Contact, { AccountId: null })).toBe(1)
  expect(await mill.records.count('Account')).toBe(5)
  expect(await mill.records.count(Account, { CreatedDate: { gt: new Date('2026-01-03T00:00:00Z') } })).toBe(3)
  expect(await mill.records.count(Account, { CreatedDate: { within: 'LAST_N_DAYS:1' } })).toBe(0)
})

test.for([
  [{ where: { Employees: undefined } }, 'MILL_QUERY_INVALID'],
  [{ where: { Employees: { gt: undefined } } }, 'MILL_QUERY_INVALID'],
  [{ where: { Employees: {} } }, 'MILL_QUERY_INVALID'],
  [{ where: { Employees: { above: 1 } } }, 'MILL_QUERY_INVALID'],
  [{ where: { Employees: { constructor: 1 } } }, 'MILL_QUERY_INVALID'],
  [{ where: { or: [] } }, 'MILL_QUERY_INVALID'],
  [{ where: { or: [{}] } }, 'MILL_QUERY_INVALID'],
  [{ where: { not: {} } }, 'MILL_QUERY_INVALID'],
  [{ where: { Employees: { in: 5 } } }, 'MILL_QUERY_INVALID'],
  [{ where: { Name: { like: 5 } } }, 'MILL_QUERY_INVALID'],
  [{ where: { CreatedDate: { within: "TODAY' OR" } } }, 'MILL_QUERY_INVALID'],
  [{ where: { Nmae: 'x' } }, 'MILL_FIELD_UNKNOWN'],
  [{ where: { Employees: 'many' } }, 'MILL_QUERY_INVALID'],
  [{ where: [] }, 'MILL_QUERY_INVALID'],
  [{ fields: [] }, 'MILL_QUERY_INVALID'],
  [{ fields: ['Nmae'] }, 'MILL_FIELD_UNKNOWN'],
  [{ orderBy: { field: 'Name', direction: 'up' } }, 'MILL_QUERY_INVALID'],
  [{ orderBy: { field: 'Name', order: 'desc' } }, 'MILL_OPTIONS_INVALID'],
  [{ orderBy: [{ direction: 'desc' }] }, 'MILL_QUERY_INVALID'],
  [{ orderBy: 5 }, 'MILL_OPTIONS_INVALID'],
  [{ orderBy: [null] }, 'MILL_OPTIONS_INVALID'],
  [{ mode: 'User' }, 'MILL_OPTIONS_INVALID'],
  [{ limit: -1 }, 'MILL_QUERY_INVALID'],
  [{ order: 'Name' }, 'MILL_OPTIONS_INVALID'],
] as const)('refused: %j', async ([options, code]) => {
  await expect(mill.records.query(Account, options as never)).rejects.toMatchObject({ code })
})

test('text that people type runs with their rights, capped', async () => {
  const { records } = mill
  expect(
    await records.queryText('SELECT Name FROM Account WHERE Id IN :ids', { ids: ['a1', 'a2'] }),
  ).toHaveLength(2)
  await expect(records.queryText('SELECT Name FROM Account', {}, { maxRows: 4 })).rejects.toMatchObject({
    code: 'MILL_QUERY_TOO_MANY_ROWS',
  })
  await mill.transaction((tx) =>
    expect(tx.records.queryText('SELECT Name FROM Account', {}, { maxRows: 4 })).rejects.toMatchObject({
      code: 'MILL_QUERY_TOO_MANY_ROWS',
    }),
  )
  await expect(records.queryText('SELECT Name FORM Account')).rejects.toMatchObject({
    code: 'MILL_SOQL_SYNTAX',
    data: { line: 1 },
  })
  await expect(records.queryText('SELECT Name FROM Account WHERE Id = :missing')).rejects.toMatchObject({
    code: 'MILL_BIND_MISSING',
  })
  const as = records.as({ runAs: 'reader' })
  expect(await as.queryText('SELECT Name FROM Account')).toHaveLength(5)
  await expect(as.queryText('SELECT Employees FROM Account')).rejects.toMatchObject({
    code: 'MILL_ACCESS_DENIED',
  })
  await expect(as.queryText('SELECT LastName FROM Contact')).rejects.toMatchObject({
    code: 'MILL_ACCESS_DENIED',
  })
  // Code is the system unless it says otherwise.
  expect(await as.soql`SELECT Employees FROM Account`).toHaveLength(5)
  await expect(as.soql`SELECT Employees FROM Account WITH USER_MODE`).rejects.toMatchObject({
    code: 'MILL_ACCESS_DENIED',
  })
  await expect(records.as({ runAs: 'nobody' }).queryText('SELECT Name FROM Account')).rejects.toMatchObject({
    code: 'MILL_ACCESS_DENIED',
  })
})

const laxer = [
  'SELECT Employees FROM Account WITH SYSTEM_MODE',
  'SELECT Employees FROM Account WITH SECURITY_ENFORCED',
  'SELECT Name FROM Account WHERE Employees > 1 WITH SECURITY_ENFORCED',
  'SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Contact WITH SYSTEM_MODE)',
  'SELECT Name FROM Account WHERE Id IN (SELECT Id FROM Account WHERE Employees > 1 WITH SYSTEM_MODE)',
]
test.for(laxer)('text cannot lay down the mode that the caller asks for: %s', async (text) => {
  const denied = { code: 'MILL_ACCESS_DENIED' }
  const { records } = mill
  const as = records.as({ runAs: 'reader' })
  await expect(as.queryText(text)).rejects.toMatchObject(denied)
  await expect(as.queryText(text).pages().next()).rejects.toMatchObject(denied)
  // Cursors check fields when they are fetched.
  const fetched = async () => (await as.openCursor(as.queryText(text))).fetch(0, 1)
  await expect(fetched()).rejects.toMatchObject(denied)
  const paged = async () => (await as.openPaginationCursor(as.queryText(text))).fetchPage(0, 1)
  await expect(paged()).rejects.toMatchObject(denied)
  expect(await records.queryText(text)).not.toEqual([])
  if (text.includes('WHERE')) await expect(as.queryText(text).count()).rejects.toMatchObject(denied)
})

test('text can ask for a stricter mode', async () => {
  const as = mill.records.as({ runAs: 'reader' })
  const text = 'SELECT Name FROM Account WHERE Employees > 1'
  expect(await as.queryText(text, {}, { mode: 'system' })).toHaveLength(5)
  expect(await as.queryText(text, {}, { mode: 'securityEnforced' })).toHaveLength(5)
  for (const mode of ['system', 'securityEnforced'] as const)
    await expect(as.queryText(`${text} WITH USER_MODE`, {}, { mode })).rejects.toMatchObject({
      code: 'MILL_ACCESS_DENIED',
    })
  expect(() => as.queryText(text, {}, { mode: 'root' as 'user' })).toThrow(/mode of queryText must be one of/)
})

test('a tenant sees its own', async () => {
  expect(await mill.soql`SELECT Id FROM Contact`).toHaveLength(3)
  expect(await mill.records.as({ tenant: 'acme' }).soql`SELECT Id FROM Contact`).toEqual([{ Id: 'c3' }])
})

test('`as` keeps what was said before, in triggers too', async () => {
  const seen: unknown[] = []
  const ofToday = async (records: Records) =>
    (await records.query(Account, { fields: ['Id'], where: { CreatedDate: { within: 'TODAY' } } })).map(
      ({ Id }) => Id,
    )
  const noting = defineTrigger(Contact, { name: 'noting', after: ['insert'] }, async (_, { records }) => {
    const utc = records.as({ timeZone: 'UTC' })
    seen.push(await ofToday(records), await ofToday(utc), await utc.count(Contact))
  })
  const now = new Date('2026-01-02T05:00:00Z')
  await using t = await createTestMill({ definitions: [...definitions, noting], now })
  await fill(t)
  const acme = t.records.as({ tenant: 'acme' })
  expect(await acme.as({ timeZone: 'Pacific/Auckland' }).count(Contact)).toBe(1)
  expect(await acme.as({ tenant: undefined } as unknown as { tenant: string }).count(Contact)).toBe(1)
  expect(await acme.as({ tenant: 'default' }).count(Contact)).toBe(3)
  const reader = t.records.as({ runAs: 'reader' }).as({ tenant: 'acme' })
  await expect(reader.queryText('SELECT Employees FROM Account')).rejects.toMatchObject({
    code: 'MILL_ACCESS_DENIED',
  })
  // Where it is still the first of January.
  await acme.as({ timeZone: 'Pacific/Pago_Pago' }).insert(Contact, [{ LastName: 'Eve' }])
  expect(seen).toEqual([['a1'], ['a2'], 2])
})

test('in a transaction it sees what was written there', async () => {
  await expect(
    mill.transaction(async (tx) => {
      await tx.sql`delete from accounts where id = 'a1'`
      expect(await tx.soql`SELECT Id FROM Account`).toHaveLength(4)
      expect(await mill.records.count(Account)).toBe(4)
      expect(await tx.records.as({ tenant: 'acme' }).count(Contact)).toBe(1)
      expect(await mill.records.as({ tenant: 'acme' }).count(Contact)).toBe(1)
      throw new Error('undone')
    }),
  ).rejects.toThrow('undone')
  expect(await mill.records.count(Account)).toBe(5)
})

test('in a handler, where it keeps to the tenant and the now of the attempt', async () => {
  const seen: unknown[] = []
  const work = defineQueueable({
    name: 'work',
    async execute(_input: null, ctx) {
      await ctx.sql`insert into accounts values ('own', 'Own', null, null, null)`
      seen.push(await ctx.records.count(Account), await mill2.records.count(Account))
      seen.push((await ctx.soql<{ Id: string }>`SELECT Id FROM Contact`).map(({ Id }) => Id))
      await expect(ctx.soql`SELECT Employees FROM Account WITH USER_MODE`).rejects.toMatchObject({
        code: 'MILL_ACCESS_DENIED',
      })
      expect(() => ctx.records.as({ tenant: 'default' }).soql`SELECT Id FROM Contact`).toThrow(
        /keeps to its own/,
      )
      later = ctx.soql`SELECT Id FROM Account`
      for await (const _ of ctx.soql`SELECT Id FROM Account`.pages(2)) break
    },
  })
  let later: PromiseLike<unknown> | undefined
  await using t = await createTestMill({ definitions: [work, ...definitions] })
  const mill2 = t.mill
  await fill(t)
  await t.enqueue(work, null, { tenant: 'acme', runAs: 'reader' })
  await t.drain()
  expect(seen).toEqual([6, 6, ['c3']])
  await expect(later).rejects.toMatchObject({ code: 'MILL_CONTEXT_CLOSED' })
})

test("the engine's own jobs are records", async () => {
  const work = defineQueueable({ name: 'Nightly', execute: () => undefined })
  await using t = await createTestMill({ definitions: [work] })
  await t.enqueue(work, undefined)
  await t.drain()
  expect(await t.soql`SELECT Status, ApexClass.Name FROM AsyncApexJob`).toEqual([
    { Status: 'Completed', ApexClass: { Name: 'Nightly' } },
  ])
})

test('the config bounds cursors', async () => {
  const mill = await createMill({
    storage: 'sqlite::memory:',
    definitions: [Account, Contact],
    records: { cursors: { fetchRows: 1, perDay: 1, expireAfter: '1 hour' } },
  })
  await mill.transaction((tx) => tx.sql`create table accounts (id text primary key)`)
  const cursor = await mill.records.openCursor(mill.soql`SELECT Id FROM Account`)
  await expect(cursor.fetch(0, 2)).rejects.toMatchObject({
    code: 'MILL_CURSOR_FATAL',
    data: { fetchRows: 1 },
  })
  await expect(mill.records.openCursor(mill.soql`SELECT Id FROM Account`)).rejects.toThrow(/may open 1/)
  await mill.stop()
})

test('a config that cannot be is refused', async () => {
  const make = (records: object) => createMill({ storage: 'sqlite::memory:', records })
  for (const wrong of [
    { timeZone: 'Mars/Olympus' },
    { timeZone: '+02:00' },
    { maxRows: 0 },
    { queryTimeout: 'soon' },
    { zone: 'UTC' },
    { cursors: 5 },
    { cursors: { maxRows: 0 } },
    { cursors: { ttlMs: 5 } },
    { cursors: { expireAfter: 'soon' } },
  ])
    await expect(make(wrong)).rejects.toMatchObject({
      code: expect.stringMatching(/CONFIG|DURATION/) as string,
    })
  await expect(createMill({ storage: 'sqlite::memory:', definitions: [Contact] })).rejects.toMatchObject({
    code: 'MILL_OBJECT_INVALID',
  })
})
