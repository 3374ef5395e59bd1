import { expect, expectTypeOf, test } from 'vitest'
import {
  boolean,
  datetime,
  defineObject,
  defineQueueable,
  defineTrigger,
  id,
  integer,
  integerId,
  json,
  multipicklist,
  picklist,
  reference,
  text,
  type HandlerContext,
  type Mill,
  type RecordOf,
  type RecordQuery,
} from '../index.ts'

const Account = defineObject({
  name: 'Account',
  nameField: 'Name',
  owner: 'OwnerId',
  fields: {
    Id: id(),
    Name: text({ required: true, length: 80 }),
    Industry: picklist(['Energy', 'Media']),
    Rating: picklist([{ value: 'hot', label: 'Hot' }], { required: true }),
    Tags: multipicklist(['a', 'b']),
    Employees: integer(),
    Active: boolean({ required: true }),
    CreatedDate: datetime(),
    Extra: json<{ color: string }>(),
    OwnerId: reference('User'),
  },
})
type Account = RecordOf<typeof Account>
const Line = defineObject({ name: 'Line', fields: { Id: integerId(), Amount: integer({ required: true }) } })

/** Never run: what the compiler says of it is the test. */
async function inferred(mill: Mill, ctx: HandlerContext): Promise<void> {
  expectTypeOf<Account>().toEqualTypeOf<{
    Id: string
    Name: string
    Industry: 'Energy' | 'Media' | null
    Rating: 'hot'
    Tags: readonly ('a' | 'b')[] | null
    Employees: number | null
    Active: boolean
    CreatedDate: Date | null
    Extra: { color: string } | null
    OwnerId: string | null
  }>()
  expectTypeOf<RecordOf<typeof Line>>().toEqualTypeOf<{ Id: number; Amount: number }>()

  expectTypeOf(await mill.records.query(Account)).toEqualTypeOf<Account[]>()
  expectTypeOf(await ctx.records.query(Account, { fields: ['Name', 'Employees'] })).toEqualTypeOf<
    { Name: string; Employees: number | null }[]
  >()
  const [withOwner] = await ctx.records.query(Account, { fields: ['Id', 'Owner.Name', 'Owner.Manager.Name'] })
  expectTypeOf(withOwner?.Owner).toEqualTypeOf<Readonly<Record<string, unknown>> | null | undefined>()
  for await (const { Industry } of ctx.records.query(Account))
    expectTypeOf(Industry).toEqualTypeOf<Account['Industry']>()
  for await (const page of ctx.records.query(Line).pages(10))
    expectTypeOf(page).toEqualTypeOf<{ Id: number; Amount: number }[]>()
  expectTypeOf(ctx.soql<Account>`SELECT Id FROM Account`).toEqualTypeOf<RecordQuery<Account>>()
  expectTypeOf(await mill.soql`SELECT Id FROM Account`).toEqualTypeOf<Record<string, unknown>[]>()
  expectTypeOf(await mill.soql`SELECT COUNT() FROM Account`.count()).toEqualTypeOf<number>()

  mill.records.query(Account, {
    where: { Industry: 'Energy', Employees: { gt: 5 }, 'Owner.Name': 'x', Tags: { includes: ['a;b'] } },
  })
  mill.records.query(Account, {
    where: { or: [{ Name: ['a', 'b'] }, { CreatedDate: { within: 'TODAY' } }], OwnerId: null },
  })
  // @ts-expect-error -- no such field
  mill.records.query(Account, { fields: ['Nmae'] })
  // @ts-expect-error -- no such field
  mill.records.query(Account, { where: { Nmae: 'x' } })
  // @ts-expect-error -- no such value
  mill.records.query(Account, { where: { Industry: 'Mining' } })
  // @ts-expect-error -- a number
  mill.records.query(Account, { where: { Employees: { gt: '5' } } })
  // @ts-expect-error -- no such test
  mill.records.query(Account, { where: { Employees: { above: 5 } } })
  // @ts-expect-error -- no such field
  mill.records.query(Account, { orderBy: 'Nmae' })
  // @ts-expect-error -- not a field of what was selected
  expect((await mill.records.query(Account, { fields: ['Id'] }))[0]?.Name).toBeUndefined()

  await ctx.records.insert(Account, [{ Name: 'x', Rating: 'hot', Employees: null }])
  await ctx.records.update(Account, await ctx.soql<Account>`SELECT Id, Name FROM Account`)
  await ctx.records.upsert(Account, [{ Name: 'x' }], { by: 'Name', allOrNone: false })
  await ctx.records.delete(Account, ['id', { Id: 'id' }])
  await ctx.records.insert('Account', [{ Anything: 1 }])
  // @ts-expect-error -- no such field
  await ctx.records.insert(Account, [{ Nmae: 'x' }])
  // @ts-expect-error -- it must be a text
  await ctx.records.insert(Account, [{ Name: 5 }])
  // @ts-expect-error -- required: never null
  await ctx.records.update(Account, [{ Id: 'x', Name: null }])
  // @ts-expect-error -- no such field
  await ctx.records.upsert(Account, [{ Name: 'x' }], { by: 'Nmae' })

  const cursor = await ctx.records.openCursor(ctx.soql<Account>`SELECT Id FROM Account`)
  expectTypeOf(await cursor.fetch(0, 10)).toEqualTypeOf<Account[]>()

  const welcome = defineQueueable({ name: 'welcome', execute: (_: { id: string }) => undefined })
  defineTrigger(
    Account,
    { name: 'on-account', before: ['insert'], after: ['update'] },
    async (change, trigger) => {
      expectTypeOf(change.new[0]?.Industry).toEqualTypeOf<Account['Industry'] | undefined>()
      await trigger.enqueue(welcome, { id: change.new[0]?.Id ?? '' })
      // @ts-expect-error -- it must be a text
      await trigger.enqueue(welcome, { id: 5 })
      expectTypeOf(await trigger.soql<Account>`SELECT Id FROM Account`).toEqualTypeOf<Account[]>()
    },
  )
  // @ts-expect-error -- no such field
  defineObject({ name: 'Bad', nameField: 'Nmae', fields: { Id: id(), Name: text() } })
}

test('types are inferred', () => {
  expect(inferred).toBeTypeOf('function')
})
