import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import {
  deleteRecords,
  insert,
  notifyChanged,
  undelete,
  update,
  upsert,
  type DmlResult,
} from '../../../packages/millrace/src/records/dml/dml.ts'
import { Account, Owner } from './objects.ts'
import { World } from './world.ts'
import type { RecordsEnv } from '../../../packages/millrace/src/records/env.ts'
import { Schema } from '../../../packages/millrace/src/records/object/schema.ts'
import {
  defineTrigger,
  type Change,
  type TriggerDefinition,
} from '../../../packages/millrace/src/records/trigger/trigger.ts'
import { TriggerSet } from '../../../packages/millrace/src/records/trigger/trigger-set.ts'

const worlds = { sqlite: await World.open('sqlite'), postgres: await World.open('postgres') }

const account = (env: RecordsEnv) => env.schema.object('Account')
const codes = (results: readonly DmlResult[]) =>
  results.map(({ errors }) => errors.map(({ code }) => code).join())
const partly = { allOrNone: false }

describe.each(['sqlite', 'postgres'] as const)('triggers on %s', (kind) => {
  const world = worlds[kind]
  if (world === undefined) {
    test.skip('needs PostgreSQL', () => undefined)
    return
  }
  beforeEach(() => world.clear())
  afterAll(() => world.close())
  const names = async () =>
    (await world.work(({ sql }) => sql('select name from accounts order by name'))).map(({ name }) => name)
  const made = (...list: string[]) => list.map((Name) => ({ Name }))

  const onServer = kind === 'sqlite' ? null : test
  onServer?.('an uuid is one record, however it is spelled', async () => {
    const seen: unknown[] = []
    const watch = defineTrigger(
      Account,
      { name: 'watch', before: ['update', 'delete'], after: ['update', 'delete'] },
      ({ timing, operation, rows, old }) => {
        seen.push([timing, operation, rows.map(({ Id, Name }) => [old.get(Id)?.Name, Name])])
      },
    )
    await world.work(
      async (env) => {
        const [result] = await insert(env, account(env), made('a'))
        const id = String(result?.id)
        const bare = id.replaceAll('-', '')
        const rows = [id.toUpperCase(), `{${id}}`, bare].map((Id) => ({ Id, Name: 'b' }))
        expect(codes(await update(env, account(env), rows, partly))).toEqual([
          ...['', 'DUPLICATE_VALUE', 'DUPLICATE_VALUE'],
        ])
        const upserted = await upsert(env, account(env), [rows[1], rows[2]] as typeof rows, partly)
        expect(codes(upserted)).toEqual(['', 'DUPLICATE_VALUE'])
        expect(upserted[0]?.id).toBe(id)
        await notifyChanged(env, account(env), 'update', [bare])
        expect(codes(await insert(env, account(env), [{ Id: bare, Name: 'c' }], partly))).toEqual([
          'DUPLICATE_VALUE',
        ])
        const deleted = await deleteRecords(env, account(env), [bare.toUpperCase(), id, `{${bare}}`], partly)
        expect(codes(deleted)).toEqual(['', 'DUPLICATE_VALUE', 'DUPLICATE_VALUE'])
        expect(codes(await undelete(env, account(env), [`{${bare}}`, bare], partly))).toEqual([
          ...['', 'DUPLICATE_VALUE'],
        ])
      },
      { triggers: [watch] },
    )
    expect(seen).toEqual([
      ...[
        ['before', 'update', [['a', 'b']]],
        ['after', 'update', [['a', 'b']]],
        ['before', 'update', [['b', 'b']]],
        ['after', 'update', [['b', 'b']]],
        ['after', 'update', [[undefined, 'b']]],
      ],
      ...[
        ['before', 'delete', [['b', 'b']]],
        ['after', 'delete', [['b', 'b']]],
      ],
    ])
  })

  test('get the whole batch with old and new, before and after', async () => {
    const seen: unknown[] = []
    const watch = defineTrigger(
      Account,
      {
        name: 'watch',
        before: ['insert', 'update', 'delete', 'undelete'],
        after: ['insert', 'update', 'delete', 'undelete'],
      },
      ({ timing, operation, rows, old, ...change }) => {
        seen.push([
          `${timing} ${operation}`,
          rows.map(({ Name, Rank, Version, IsDeleted }) => [Name, Rank, Version, IsDeleted]),
          [...old.values()].map(({ Name, Rank }) => [Name, Rank]),
          change.new.length,
        ])
      },
    )
    await world.work(
      async (env) => {
        const results = await insert(env, account(env), [{ Name: 'a', Rank: 1 }, { Name: 'b' }])
        await update(env, account(env), [{ Id: results[0]?.id, Rank: 5 }])
        await deleteRecords(env, account(env), [results[1]?.id as string])
        await undelete(env, account(env), [results[1]?.id as string])
      },
      { triggers: [watch] },
    )
    expect(seen).toEqual([
      [
        'before insert',
        [
          ['a', 1, null, null],
          ['b', null, null, null],
        ],
        [],
        2,
      ],
      [
        'after insert',
        [
          ['a', 1, 1, false],
          ['b', null, 1, false],
        ],
        [],
        2,
      ],
      ['before update', [['a', 5, 1, false]], [['a', 1]], 1],
      ['after update', [['a', 5, 2, false]], [['a', 1]], 1],
      ['before delete', [['b', null, 1, false]], [['b', null]], 0],
      ['after delete', [['b', null, 1, false]], [['b', null]], 0],
      ['before undelete', [['b', null, 2, true]], [['b', null]], 1],
      ['after undelete', [['b', null, 3, false]], [['b', null]], 1],
    ])
  })

  test('before-triggers set fields, which are checked, and refuse rows', async () => {
    const complete = defineTrigger(Account, { name: 'complete', before: ['insert', 'update'] }, (change) => {
      for (const row of change.new) {
        row.Name ??= 'unnamed'
        if (row.Name === 'long') row.Name = 'x'.repeat(50)
        if (row.Name === 'bad') change.addError(row, 'not this one', 'Name')
        row.Code = `code ${row.Name}`
      }
    })
    const results = await world.work(
      async (env) => {
        const inserted = await insert(
          env,
          account(env),
          [{}, { Name: 'long' }, { Name: 'bad' }, { Name: 'fine' }],
          partly,
        )
        await update(env, account(env), [{ Id: inserted[3]?.id, Name: 'finer' }])
        return inserted
      },
      { triggers: [complete] },
    )
    expect(codes(results)).toEqual(['', 'STRING_TOO_LONG', 'FIELD_CUSTOM_VALIDATION_EXCEPTION', ''])
    expect(results[2]?.errors[0]).toMatchObject({ message: 'not this one', fields: ['Name'] })
    const rows = await world.work(({ sql }) => sql('select name, code from accounts order by name'))
    expect(rows).toEqual([
      { name: 'finer', code: 'code finer' },
      { name: 'unnamed', code: 'code unnamed' },
    ])
  })

  test('what fails is not given to after-triggers, and what they refuse is undone', async () => {
    const given: unknown[] = []
    const judge = defineTrigger(Account, { name: 'judge', after: ['insert'] }, async (change, ctx) => {
      given.push(change.new.map(({ Name }) => Name))
      await ctx.sql`insert into owners (email) values (${'told'})`
      for (const row of change.new) if (row.Name === 'no') change.addError(row, 'refused')
    })
    const results = await world.work(
      (env) =>
        insert(env, account(env), [{ Name: 'yes' }, { Name: 'bad', Rank: -1 }, { Name: 'no' }], partly),
      { triggers: [judge] },
    )
    expect(codes(results)).toEqual([
      '',
      'FIELD_CUSTOM_VALIDATION_EXCEPTION',
      'FIELD_CUSTOM_VALIDATION_EXCEPTION',
    ])
    expect(given).toEqual([['yes', 'no'], ['yes']])
    expect(await names()).toEqual(['yes'])
  })

  test.each(['before', 'after'] as const)(
    'one that throws %s fails its rows, and the transaction goes on',
    async (timing) => {
      const broken = defineTrigger(Account, { name: 'broken', [timing]: ['insert'] }, async (_, ctx) => {
        await ctx.sql`insert into owners (email) values (${'left'})`
        await ctx.sql`select * from nowhere`
      })
      await world.work(
        async (env) => {
          const results = await insert(env, account(env), made('a', 'b'), partly)
          expect(codes(results)).toEqual([
            'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY',
            'CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY',
          ])
          expect(results[0]?.errors[0]?.message).toContain(`broken: execution of ${timing} insert caused by:`)
          await expect(insert(env, account(env), made('c'))).rejects.toMatchObject({
            code: 'MILL_DML_FAILED',
            cause: { code: 'MILL_STORAGE_QUERY' },
          })
          await insert(env, env.schema.object('Owner'), [{ Email: 'after' }])
        },
        { triggers: [broken] },
      )
      expect(await names()).toEqual([])
      expect(await world.work(({ sql }) => sql('select email from owners'))).toEqual([{ email: 'after' }])
    },
  )

  test('recursion ends at depth 16', async () => {
    const run = (until: number) => {
      let depth = 0
      const env: { current?: RecordsEnv } = {}
      const again = defineTrigger(Owner, { name: 'again', after: ['insert'] }, async () => {
        depth += 1
        if (depth < until)
          await insert(env.current as RecordsEnv, (env.current as RecordsEnv).schema.object('Owner'), [
            { Email: `e${depth}` },
          ])
      })
      return world.work(
        async (own) => {
          env.current = own
          await insert(own, own.schema.object('Owner'), [{ Email: 'e0' }])
          return depth
        },
        { triggers: [again] },
      )
    }
    expect(await run(16)).toBe(16)
    await world.clear()
    await expect(run(17)).rejects.toMatchObject({ code: 'MILL_TRIGGER_DEPTH' })
    expect(await world.work(({ sql }) => sql('select * from owners'))).toEqual([])
  })

  test('run in their order', async () => {
    const seen: string[] = []
    const one = (name: string, order?: number) =>
      defineTrigger(Account, { name, before: ['insert'], ...(order === undefined ? {} : { order }) }, () => {
        seen.push(name)
      })
    await world.work((env) => insert(env, account(env), made('a')), {
      triggers: [one('c', 5), one('a'), one('b'), one('z', -1)],
    })
    expect(seen).toEqual(['z', 'a', 'b', 'c'])
  })

  test('changes that the application made by its own statements are told by notifyChanged', async () => {
    const seen: unknown[] = []
    const tell = defineTrigger(Account, { name: 'tell', after: ['update', 'delete'] }, (change) => {
      seen.push([
        change.operation,
        change.rows.map(({ Id, Rank }) => [Id, Rank]),
        [...change.old.values()].map(({ Rank }) => Rank),
      ])
      if (change.operation === 'delete') throw new Error('not this')
    })
    await world.work(
      async (env) => {
        const [made] = await insert(env, account(env), [{ Name: 'a', Rank: 1 }])
        const id = made?.id as string
        await env.sql('update accounts set rank = 2')
        await notifyChanged(env, account(env), 'update', [id, '018f0000-0000-7000-8000-000000000009'])
        await notifyChanged(env, account(env), 'update', [{ Id: id, Rank: 1 }])
        await expect(notifyChanged(env, account(env), 'delete', [id])).rejects.toMatchObject({
          code: 'MILL_DML_FAILED',
        })
        await expect(notifyChanged(env, account(env), 'remove' as never, [id])).rejects.toMatchObject({
          code: 'MILL_OPTIONS_INVALID',
        })
        expect(seen).toEqual([
          ['update', [[id, 2]], []],
          ['update', [[id, 2]], [1]],
          ['delete', [[id, undefined]], [undefined]],
        ])
      },
      { triggers: [tell] },
    )
  })
})

describe('definitions of triggers', () => {
  const handler = (_: Change<never>) => undefined
  const define = (options: object) => defineTrigger(Account, options as never, handler as never)

  test.each([
    [{ name: 'x' }, 'before or after'],
    [{ name: 'x', before: ['upsert'] }, 'upsert'],
    [{ name: 'x', before: 'insert' }, 'insert'],
    [{ name: 'x', befor: ['insert'] }, 'did you mean before'],
    [{ name: 'x', before: ['insert'], order: Number.NaN }, 'order'],
  ])('%j is refused', (options, message) => {
    expect(() => define(options)).toThrow(
      expect.objectContaining({
        code: 'MILL_TRIGGER_INVALID',
        message: expect.stringContaining(message) as string,
      }) as never,
    )
  })

  test('undelete needs an object with soft delete; names are unique; the object must be there', () => {
    const invalid = expect.objectContaining({ code: 'MILL_TRIGGER_INVALID' }) as never
    expect(() => defineTrigger(Owner, { name: 'x', after: ['undelete'] }, () => undefined)).toThrow(invalid)
    const one: TriggerDefinition = define({ name: 'x', after: ['insert'] })
    expect(() => new TriggerSet(new Schema([Owner]), [one])).toThrow(invalid)
    expect(() => new TriggerSet(new Schema([Owner, Account]), [one, one])).toThrow(invalid)
  })
})
