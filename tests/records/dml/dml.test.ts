import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { RecordsEnv } from '../../../packages/millrace/src/records/env.ts'
import { defineRole } from '../../../packages/millrace/src/records/access/define-role.ts'
import {
  deleteRecords,
  insert,
  undelete,
  update,
  upsert,
  type DmlResult,
} from '../../../packages/millrace/src/records/dml/dml.ts'
import { defineTrigger } from '../../../packages/millrace/src/records/trigger/trigger.ts'
import { Account } from './objects.ts'
import { World, type Work } from './world.ts'

const worlds = { sqlite: await World.open('sqlite'), postgres: await World.open('postgres') }

const account = (env: RecordsEnv) => env.schema.object('Account')
const codes = (results: readonly DmlResult[]) =>
  results.map(({ errors }) => errors.map(({ code, fields }) => [code, ...fields].join(' ')).join(', '))
const partly = { allOrNone: false }

describe.each(['sqlite', 'postgres'] as const)('DML on %s', (kind) => {
  const world = worlds[kind]
  if (world === undefined) {
    test.skip('needs PostgreSQL', () => undefined)
    return
  }
  beforeEach(() => world.clear())
  afterAll(() => world.close())

  const accounts = (order = 'code') =>
    world.work(({ sql }) => sql(`select * from accounts order by ${order}`))
  const made = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ Name: `A${at}`, Code: `c${String(at).padStart(5, '0')}` }))

  describe('insert', () => {
    test('keeps every kind of value, and sets what Millrace sets', async () => {
      const [result] = await world.work((env) =>
        insert(env, account(env), [
          {
            name: 'Ada "\\"{},',
            CODE: "x'); drop table accounts; --",
            Tags: ['a', 'c'],
            Score: 12.25,
            Rank: 3,
            Founded: '2024-02-29',
            SeenAt: new Date('2026-11-24T08:09:10.123Z'),
            Extra: { deep: [1, 'two', null, "it's"] },
          },
        ]),
      )
      expect(result).toEqual({
        success: true,
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        errors: [],
      })
      const [row] = await accounts()
      expect(row).toMatchObject({
        id: result?.id,
        tenant: 'acme',
        name: 'Ada "\\"{},',
        code: "x'); drop table accounts; --",
        stage: 'new',
        tags: 'a;c',
        rank: 3,
        version: 1,
        modified_at: Date.parse('2026-11-24T10:00:00Z'),
        parent_id: null,
      })
      expect(Number(row?.['score'])).toBe(12.25)
      expect(new Date(row?.['seen_at'] as string).toISOString()).toBe('2026-11-24T08:09:10.123Z')
      const extra = row?.['extra']
      expect(typeof extra === 'string' ? JSON.parse(extra) : extra).toEqual({
        deep: [1, 'two', null, "it's"],
      })
    })

    test('answers for each row, in order, before the database is asked', async () => {
      const results = await world.work(async (env) => {
        const answers = await insert(
          env,
          account(env),
          [
            {},
            { Name: 'x'.repeat(21) },
            { Name: 5 },
            { Name: 'n', Score: 1.234, Rank: 2 ** 60 },
            { Name: 'n', Stage: 'wno' },
            { Name: 'n', Names: 'y' },
            { Name: 'n', Total: 4 },
            { Name: 'n', Tenant: 'evil' },
            { Name: 'a\0b' },
            { Name: 'n', Extra: { text: '\ud800' } },
            { Name: 'n', Founded: '2026-02-30' },
            { Name: 'n', SeenAt: '2026-02-03' },
            { Id: 7, Name: 'n' },
            null,
          ] as never,
          partly,
        )
        expect(env.texts).toEqual([])
        return answers
      })
      expect(codes(results)).toEqual([
        'REQUIRED_FIELD_MISSING Name',
        'STRING_TOO_LONG Name',
        'INVALID_TYPE_ON_FIELD_IN_RECORD Name',
        'NUMBER_OUTSIDE_VALID_RANGE Score, NUMBER_OUTSIDE_VALID_RANGE Rank',
        'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST Stage',
        'INVALID_FIELD Names',
        'INVALID_FIELD_FOR_INSERT_UPDATE Total',
        'INSUFFICIENT_ACCESS_OR_READONLY Tenant',
        'FIELD_INTEGRITY_EXCEPTION Name',
        'FIELD_INTEGRITY_EXCEPTION Extra',
        'NUMBER_OUTSIDE_VALID_RANGE Founded',
        'INVALID_TYPE_ON_FIELD_IN_RECORD SeenAt',
        'MALFORMED_ID Id',
        'INVALID_TYPE_ON_FIELD_IN_RECORD',
      ])
      expect(results[5]?.errors[0]?.message).toContain('did you mean Name?')
      expect(await accounts()).toEqual([])
    })

    test.each([0, 1, 999, 1999])('row %i of 2,000 alone is bad, and fails alone', async (bad) => {
      const rows = made(2000).map((row, at) => (at === bad ? { ...row, Rank: -1 } : row))
      const results = await world.work((env) => insert(env, account(env), rows, partly))
      expect(results.flatMap(({ success }, at) => (success ? [] : [at]))).toEqual([bad])
      expect(results[bad]).toMatchObject({
        id: null,
        errors: [{ code: 'FIELD_CUSTOM_VALIDATION_EXCEPTION' }],
      })
      expect(await accounts()).toHaveLength(1999)
    })

    test('unique clashes within the call and with the table', async () => {
      await world.work((env) => insert(env, account(env), [{ Name: 'old', Code: 'one' }]))
      const results = await world.work((env) =>
        insert(
          env,
          account(env),
          ['one', 'two', 'two', 'three'].map((Code) => ({ Name: 'new', Code })),
          partly,
        ),
      )
      expect(codes(results)).toEqual(['DUPLICATE_VALUE Code', '', 'DUPLICATE_VALUE Code', ''])
      expect((await accounts()).map(({ name, code }) => [name, code])).toEqual([
        ['old', 'one'],
        ['new', 'three'],
        ['new', 'two'],
      ])
    })

    test('broken references, and rows that point to rows behind them', async () => {
      const parent = '018f0000-0000-7000-8000-000000000001'
      const child = '018f0000-0000-7000-8000-000000000000'
      const results = await world.work((env) =>
        insert(
          env,
          account(env),
          [
            { Id: child, Name: 'child', ParentId: parent },
            { Id: parent, Name: 'parent' },
            { Name: 'lost', OwnerId: 999_999 },
          ],
          partly,
        ),
      )
      expect(codes(results).map((code) => code.split(' ')[0])).toEqual([
        '',
        '',
        'INVALID_CROSS_REFERENCE_KEY',
      ])
      expect(await accounts('name')).toMatchObject([{ parent_id: parent }, { id: parent }])
    })

    test('defaults of the database stand where a row does not name the field', async () => {
      const results = await world.work((env) =>
        insert(env, env.schema.object('Note'), [{ Body: 'a' }, { Kind: 'rich' }, { Body: 'b' }, {}]),
      )
      const rows = await world.work(({ sql }) => sql('select * from notes'))
      const found = results.map(({ id }) => rows.find((row) => row['id'] === id))
      expect(found.map((row) => [row?.['body'], row?.['kind']])).toEqual([
        ['a', 'plain'],
        [null, 'rich'],
        ['b', 'plain'],
        [null, 'plain'],
      ])
    })

    test('ids that the database makes come in order of the rows', async () => {
      const rows = Array.from({ length: 100 }, (_, at) => ({ Email: `u${at}@x`, Level: at }))
      const results = await world.work((env) => insert(env, env.schema.object('Owner'), rows))
      const stored = await world.work(({ sql }) => sql('select id, level from owners order by level'))
      expect(stored.map(({ id }) => id)).toEqual(results.map(({ id }) => id))
    })
  })

  describe('allOrNone', () => {
    test('nothing stays, and the error says which row', async () => {
      const rows = made(2500).map((row, at) => (at === 2400 ? { ...row, Rank: 0 } : row))
      await world.work(async (env) => {
        const error = await insert(env, account(env), rows).catch((thrown: unknown) => thrown)
        expect(error).toMatchObject({
          code: 'MILL_DML_FAILED',
          message: expect.stringContaining('row 2400') as string,
          data: { row: 2400, code: 'FIELD_CUSTOM_VALIDATION_EXCEPTION' },
        })
        const { results } = (error as { data: { results: DmlResult[] } }).data
        expect(results).toHaveLength(2500)
        expect(results[0]).toMatchObject({
          success: false,
          id: null,
          errors: [{ code: 'ALL_OR_NONE_OPERATION_ROLLED_BACK' }],
        })
        // The transaction goes on.
        await insert(env, account(env), [{ Name: 'after' }])
      })
      expect((await accounts()).map(({ name }) => name)).toEqual(['after'])
    })

    test('a row that is bad by itself keeps the whole call from the database', async () => {
      await world.work(async (env) => {
        await expect(insert(env, account(env), [{ Name: 'a' }, { Name: null }])).rejects.toMatchObject({
          code: 'MILL_DML_FAILED',
          data: { row: 1, code: 'REQUIRED_FIELD_MISSING' },
        })
        expect(env.texts).toEqual([])
      })
    })
  })

  describe('update', () => {
    let ids: string[] = []
    beforeEach(async () => {
      const results = await world.work((env) => insert(env, account(env), made(5)))
      ids = results.map(({ id }) => id as string)
    })

    test('changes the fields of the row and no others', async () => {
      await world.work((env) =>
        update(env, account(env), [
          { Id: ids[1], Name: 'one', Rank: 7 },
          { Id: ids[0], Score: 2.5 },
          { id: ids[2], Code: null },
          { Id: ids[3] },
        ]),
      )
      const rows = await accounts('name')
      expect(rows.map(({ name, code, rank, version }) => [name, code, rank, version])).toEqual([
        ['A0', 'c00000', null, 2],
        ['A2', null, null, 2],
        ['A3', 'c00003', null, 2],
        ['A4', 'c00004', null, 1],
        ['one', 'c00001', 7, 2],
      ])
      expect(Number(rows[0]?.['score'])).toBe(2.5)
    })

    test('rows of queries can be spread, with what came along', async () => {
      const [result] = await world.work((env) =>
        update(env, account(env), [
          {
            Id: ids[0],
            Name: 'x',
            CreatedAt: new Date(0),
            Owner: { Name: 'o' },
            Children: [],
            IsDeleted: false,
            Tenant: 'acme',
            Version: 1,
          },
        ]),
      )
      expect(result?.success).toBe(true)
    })

    test('no id, a strange one, one that is not there, one twice, another tenant', async () => {
      const other = await world.work((env) => insert(env, account(env), [{ Name: 'theirs' }]), {
        caller: { tenant: 'other' },
      })
      const results = await world.work((env) =>
        update(
          env,
          account(env),
          [
            { Name: 'x' },
            { Id: '018f0000-0000-7000-8000-000000000009', Name: 'x' },
            { Id: ids[0], Name: 'x' },
            { Id: ids[0], Name: 'y' },
            { Id: other[0]?.id, Name: 'mine now' },
            { Id: ids[1], Tenant: 'other' },
            { Id: ids[2], IsDeleted: true },
          ] as never,
          partly,
        ),
      )
      expect(codes(results)).toEqual([
        'MISSING_ARGUMENT Id',
        'INVALID_CROSS_REFERENCE_KEY Id',
        '',
        'DUPLICATE_VALUE',
        'INVALID_CROSS_REFERENCE_KEY Id',
        'INSUFFICIENT_ACCESS_OR_READONLY Tenant',
        'INVALID_FIELD_FOR_INSERT_UPDATE IsDeleted',
      ])
      expect((await accounts('name')).map(({ name }) => name)).toEqual([
        'A1',
        'A2',
        'A3',
        'A4',
        'theirs',
        'x',
      ])
    })

    test('a stale version is refused, the others go in', async () => {
      await world.work((env) => update(env, account(env), [{ Id: ids[1], Rank: 1 }]))
      const results = await world.work((env) =>
        update(
          env,
          account(env),
          ids.map((Id) => ({ Id, Version: 1, Name: 'new' })),
          partly,
        ),
      )
      expect(codes(results)).toEqual(['', 'STALE_RECORD Version', '', '', ''])
      expect((await accounts()).map(({ name, version }) => [name, version])).toEqual([
        ['new', 2],
        ['A1', 2],
        ['new', 2],
        ['new', 2],
        ['new', 2],
      ])
    })

    test('modified-at guards an object without a version', async () => {
      const note = (env: RecordsEnv) => env.schema.object('Note')
      const [made] = await world.work((env) => insert(env, note(env), [{ Body: 'a' }]))
      const at = (text: string) => ({ caller: { now: Date.parse(text) } })
      const read = new Date('2026-11-24T10:00:00Z')
      const row = { Id: made?.id, Body: 'b', ModifiedAt: read }
      const first = await world.work(
        (env) => update(env, note(env), [row], partly),
        at('2026-11-24T11:00:00.5Z'),
      )
      const second = await world.work(
        (env) => update(env, note(env), [row], partly),
        at('2026-11-24T12:00:00Z'),
      )
      expect([...codes(first), ...codes(second)]).toEqual(['', 'STALE_RECORD ModifiedAt'])
    })

    test('constraints of the database, row by row', async () => {
      const results = await world.work((env) =>
        update(
          env,
          account(env),
          [
            { Id: ids[0], Code: 'c00004' },
            { Id: ids[1], Rank: -5 },
            { Id: ids[2], OwnerId: 12_345 },
            { Id: ids[3], Name: 'x'.repeat(18) },
            { Id: ids[4], Name: 'fine' },
          ],
          partly,
        ),
      )
      expect(codes(results).map((code) => code.split(' ')[0])).toEqual([
        'DUPLICATE_VALUE',
        'FIELD_CUSTOM_VALIDATION_EXCEPTION',
        'INVALID_CROSS_REFERENCE_KEY',
        kind === 'sqlite' ? 'FIELD_CUSTOM_VALIDATION_EXCEPTION' : 'STRING_TOO_LONG',
        '',
      ])
      expect((await accounts()).map(({ name }) => name)).toEqual(['A0', 'A1', 'A2', 'A3', 'fine'])
    })

    test('2,000 rows are a handful of statements', async () => {
      const results = await world.work((env) =>
        insert(
          env,
          account(env),
          made(2000).map((row) => ({ ...row, Code: `m${row.Code}` })),
        ),
      )
      await world.work(async (env) => {
        await update(
          env,
          account(env),
          results.map(({ id }) => ({ Id: id, Rank: 9 })),
        )
        expect(env.texts.length).toBeLessThan(10)
      })
    })
  })

  describe('delete and undelete', () => {
    test('softly, and back', async () => {
      const [a, b] = await world.work((env) => insert(env, account(env), made(2)))
      const deleted = await world.work((env) =>
        deleteRecords(env, account(env), [{ Id: a?.id }, b?.id as string, {}, 'nowhere'], partly),
      )
      expect(codes(deleted).map((code) => code.split(' ')[0])).toEqual([
        '',
        '',
        'MISSING_ARGUMENT',
        kind === 'sqlite' ? 'INVALID_CROSS_REFERENCE_KEY' : 'MALFORMED_ID',
      ])
      expect(await accounts()).toMatchObject([{ version: 2 }, { version: 2 }])
      const again = await world.work(async (env) => [
        ...(await deleteRecords(env, account(env), [a?.id as string], partly)),
        ...(await update(env, account(env), [{ Id: a?.id, Name: 'x' }], partly)),
        ...(await undelete(env, account(env), [a?.id as string], partly)),
        ...(await undelete(env, account(env), [a?.id as string], partly)),
        ...(await update(env, account(env), [{ Id: a?.id, Name: 'x' }], partly)),
      ])
      expect(codes(again)).toEqual([
        'ENTITY_IS_DELETED Id',
        'ENTITY_IS_DELETED Id',
        '',
        'UNDELETE_FAILED Id',
        '',
      ])
    })

    test('for good; what others point to stays', async () => {
      const [first, second, third] = await world.work((env) =>
        insert(env, env.schema.object('Owner'), [{ Email: 'a' }, { Email: 'b' }, { Email: 'c' }]),
      )
      await world.work((env) => insert(env, account(env), [{ Name: 'a', OwnerId: second?.id }]))
      const ids = [first, second, third].map((one) => one?.id as number)
      const results = await world.work((env) => deleteRecords(env, env.schema.object('Owner'), ids, partly))
      expect(codes(results)).toEqual(['', 'DELETE_FAILED', ''])
      expect(await world.work(({ sql }) => sql('select email from owners'))).toEqual([{ email: 'b' }])
      await world.work(async (env) => {
        await expect(undelete(env, env.schema.object('Owner'), ids)).rejects.toMatchObject({
          code: 'MILL_OPTIONS_INVALID',
        })
      })
    })
  })

  describe('upsert', () => {
    test('by external id, within the tenant', async () => {
      await world.work((env) => insert(env, account(env), [{ Name: 'theirs', Code: 'k1' }]), {
        caller: { tenant: 'other' },
      })
      const [mine] = await world.work((env) => insert(env, account(env), [{ Name: 'old', Code: 'k2' }]))
      const results = await world.work((env) =>
        upsert(
          env,
          account(env),
          [
            { Name: 'new', Code: 'k1' },
            { Name: 'changed', Code: 'k2' },
            { Code: 'k3' },
            { Name: 'n' },
            { Name: 'n', Code: 'k2' },
          ],
          { by: 'Code', allOrNone: false },
        ),
      )
      expect(results.map(({ created }) => created)).toEqual([true, false, false, false, false])
      expect(results[1]?.id).toBe(mine?.id)
      expect(codes(results)).toEqual([
        '',
        '',
        'REQUIRED_FIELD_MISSING Name',
        'MISSING_ARGUMENT Code',
        'DUPLICATE_VALUE Code',
      ])
      expect((await accounts('tenant, code')).map(({ tenant, name }) => [tenant, name])).toEqual([
        ['acme', 'new'],
        ['acme', 'changed'],
        ['other', 'theirs'],
      ])
    })

    test('by id: without one it is new', async () => {
      const [old] = await world.work((env) => insert(env, account(env), [{ Name: 'old' }]))
      const results = await world.work((env) =>
        upsert(env, account(env), [{ Id: old?.id, Name: 'x' }, { Name: 'y' }]),
      )
      expect(results.map(({ created }) => created)).toEqual([false, true])
      expect((await accounts('name')).map(({ name }) => name)).toEqual(['x', 'y'])
    })

    test('by id, where the database makes the ids: a row with one is an update', async () => {
      for (const [name, field] of [
        ['Note', 'Body'],
        ['Entry', 'Name'],
      ] as const)
        await world.work(async (env) => {
          const object = env.schema.object(name)
          const [old] = await insert(env, object, [{ [field]: 'old' }])
          const results = await upsert(env, object, [{ Id: old?.id, [field]: 'x' }, { [field]: 'y' }])
          expect(results.map(({ created }) => created)).toEqual([false, true])
          expect(results[0]?.id).toEqual(old?.id)
          const rows = await env.sql(`select * from ${object.definition.table} order by ${field}`)
          expect(rows.map((row) => row[field.toLowerCase()])).toEqual(['x', 'y'])
          const wrong = await upsert(env, object, [{ Id: {} }, 5 as never], partly)
          expect(codes(wrong)).toEqual(['MALFORMED_ID Id', 'INVALID_TYPE_ON_FIELD_IN_RECORD'])
        })
    })

    test('asks for the right to create of new rows alone, and to edit of the others', async () => {
      const rows = [
        { Name: 'changed', Code: 'k1' },
        { Name: 'new', Code: 'k2' },
      ]
      const upsertAs = async (may: { readonly create?: boolean; readonly edit?: boolean }) => {
        await world.clear()
        const role = defineRole({ name: 'one', objects: { Account: { read: true, ...may } } })
        const as = { roles: [role], caller: { principal: { id: 'u', roles: ['one'] } } }
        const asUser = { ...partly, mode: 'user' } as const
        return world.work(async (env) => {
          const [old] = await insert(env, account(env), [{ Name: 'old', Code: 'k1' }], { mode: 'system' })
          const byKey = await upsert(env, account(env), rows, { by: 'Code', ...asUser })
          return codes([...byKey, ...(await upsert(env, account(env), [{ Id: old?.id, Rank: 2 }], asUser))])
        }, as)
      }
      const denied = 'INSUFFICIENT_ACCESS_OR_READONLY'
      expect(await upsertAs({ edit: true })).toEqual(['', denied, ''])
      expect(await upsertAs({ create: true })).toEqual([denied, '', denied])
      expect(await upsertAs({ create: true, edit: true })).toEqual(['', '', ''])
    })

    test('with allOrNone refuses what a row says wrong before anything is done', async () => {
      let ran = 0
      const counting = defineTrigger(Account, { name: 'counting', after: ['insert'] }, () => void (ran += 1))
      await world.work(async (env) => insert(env, account(env), [{ Name: 'old', Code: 'k1' }]))
      const rows = [
        { Name: 'new', Code: 'k2' },
        { Name: 5, Code: 'k1' },
      ]
      const work = world.work(async (env) => upsert(env, account(env), rows, { by: 'Code' }), {
        triggers: [counting],
      })
      await expect(work).rejects.toMatchObject({ code: 'MILL_DML_FAILED' })
      expect(ran).toBe(0)
    })

    const instant = '2026-11-24T08:09:10.120Z'
    test.for<readonly [string, () => unknown, unknown]>([
      ['Day', () => '2024-02-29', '2024-03-01'],
      ['At', () => new Date(instant), new Date('2026-11-24T08:09:10.121Z')],
      ['Tick', () => new Date(instant), new Date(0)],
      ['Amount', () => 12.5, 12.51],
      ['Price', () => 100, 0.1],
      ['Main', () => true, false],
    ])('by %s, which is another text in the database', async ([by, there, fresh]) => {
      const rows = [
        { Name: 'changed', [by]: there() },
        { Name: 'new', [by]: fresh },
        { Name: 'again', [by]: there() },
      ]
      const [old, results, names] = await world.work(async (env) => {
        const entry = env.schema.object('Entry')
        const [first] = await insert(env, entry, [{ Name: 'old', [by]: there() }])
        const answers = await upsert(env, entry, rows, { by, allOrNone: false })
        return [first, answers, await env.sql('select name from entries order by name')] as const
      })
      expect(codes(results)).toEqual(['', '', `DUPLICATE_VALUE ${by}`])
      expect(results.map(({ created }) => created)).toEqual([false, true, false])
      expect(results[0]?.id).toEqual(old?.id)
      expect(names).toEqual([{ name: 'changed' }, { name: 'new' }])
    })

    if (kind === 'postgres')
      test('by an uuid, in whatever spelling', async () => {
        const token = '018f0000-0000-7000-8000-00000000000a'
        const results = await world.work(async (env) => {
          const entry = env.schema.object('Entry')
          await insert(env, entry, [{ Name: 'old', Token: token }])
          const rows = [
            { Name: 'x', Token: token.toUpperCase() },
            { Name: 'y', Token: token },
          ]
          return upsert(env, entry, rows, { by: 'Token', allOrNone: false })
        })
        expect(codes(results)).toEqual(['', 'DUPLICATE_VALUE Token'])
        expect(results[0]?.created).toBe(false)
      })

    test('more than one has it', async () => {
      const by = { by: 'Code', allOrNone: false }
      const results = await world.work(async (env) => {
        await env.sql('drop index accounts_code')
        await insert(env, account(env), [
          { Name: 'a', Code: 'k' },
          { Name: 'b', Code: 'k' },
        ])
        const answers = await upsert(env, account(env), [{ Name: 'c', Code: 'k' }], by)
        await env.sql('delete from accounts')
        await env.sql('create unique index accounts_code on accounts (tenant, code)')
        return answers
      })
      expect(codes(results)).toEqual(['DUPLICATE_EXTERNAL_ID Code'])
    })
  })

  test('a reference to a record of another tenant is one to nothing', async () => {
    const theirs = await world.work((env) => insert(env, account(env), [{ Name: 'theirs' }]), {
      caller: { tenant: 'other' },
    })
    const ParentId = theirs[0]?.id as string
    const results = await world.work(async (env) => {
      const inserted = await insert(
        env,
        account(env),
        [
          { Name: 'a', ParentId },
          { Name: 'b', ParentId: 'nonsense' },
          { Name: 'c' },
          { Id: ParentId, Name: 'a claim to it' },
        ],
        partly,
      )
      return [...inserted, ...(await update(env, account(env), [{ Id: inserted[2]?.id, ParentId }], partly))]
    })
    const broken = 'INVALID_CROSS_REFERENCE_KEY ParentId'
    expect(codes(results)).toEqual([broken, broken, '', 'DUPLICATE_VALUE Id', broken])
  })

  describe('rights', () => {
    const clerk = defineRole({
      name: 'clerk',
      objects: { Account: { read: true, create: true, fields: { Rank: { edit: false } } } },
    })
    const asUser = { ...partly, mode: 'user' } as const
    const asClerk = {
      roles: [clerk],
      caller: { principal: { id: 'u', roles: ['clerk'] } },
    }

    test('count in mode user', async () => {
      const results = await world.work(
        async (env) => [
          ...(await insert(env, account(env), [{ Name: 'a' }, { Name: 'b', Rank: 1 }], asUser)),
          ...(await update(
            env,
            account(env),
            [{ Id: '018f0000-0000-7000-8000-000000000009', Name: 'x' }],
            asUser,
          )),
          ...(await insert(env, account(env), [{ Name: 'c', Rank: 1 }])),
          ...(await insert(env, account(env), [{ Name: 'd', Rank: 1 }], { mode: 'system' })),
        ],
        asClerk,
      )
      expect(codes(results)).toEqual([
        '',
        'INVALID_FIELD_FOR_INSERT_UPDATE Rank',
        'INSUFFICIENT_ACCESS_OR_READONLY',
        '',
        '',
      ])
    })
  })

  test('calls at once in one transaction take turns', async () => {
    const results = await world.work(async (env: Work) => {
      const calls = Array.from({ length: 10 }, (_, at) =>
        insert(env, account(env), [{ Name: `n${at}`, Rank: at - 5 }], partly),
      )
      return Promise.all(calls)
    })
    expect(results.flat().map(({ success }) => success)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
      true,
      true,
      true,
      true,
    ])
    expect(await accounts()).toHaveLength(4)
  })

  test('wrong options, and the misspelled', async () => {
    await world.work(async (env) => {
      await expect(insert(env, account(env), [], { allorNone: false } as never)).rejects.toMatchObject({
        code: 'MILL_OPTIONS_INVALID',
        message: expect.stringContaining('allOrNone') as string,
      })
      await expect(upsert(env, account(env), [], { by: 'Name' })).rejects.toMatchObject({
        code: 'MILL_OPTIONS_INVALID',
      })
    })
  })
})
