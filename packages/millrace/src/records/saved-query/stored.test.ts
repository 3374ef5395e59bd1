import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqlite } from '../../kernel/sqlite/open.ts'
import type { Storage } from '../../kernel/storage/storage.ts'
import { expectCode } from './conformance/list-views.ts'
import { defineListView } from './list-view.ts'
import { SavedQueries } from './stored.ts'
import { Customer, Person, schema } from './test-support/shop.ts'
import { Schema } from '../object/schema.ts'

const inCode = defineListView({ name: 'in-code', label: 'In code', object: Customer, columns: ['Name'] })
const json = { type: 'listView', name: 'mine', label: 'Mine', object: 'Customer', columns: ['Name'] }
const first = { expected: null, by: 'ann' }

describe('stored list views and reports', () => {
  let storage: Storage
  let queries: SavedQueries
  beforeAll(async () => {
    storage = await openSqlite({ path: ':memory:', release: '0.1.0' })
    await storage.schema.migrate()
    queries = new SavedQueries(storage.documents, schema, [inCode])
  })
  afterAll(async () => await storage.close())

  test('are saved as versions, loaded, compared and removed', async () => {
    const one = await queries.save({ ...json, name: 'edited' }, first)
    expect(one).toMatchObject({
      version: 1,
      by: 'ann',
      tenant: null,
      query: { name: 'edited', columns: [{ field: 'Name' }] },
    })
    const two = await queries.save(
      { ...json, name: 'edited', columns: ['Name', 'Rating'] },
      { expected: 1, by: 'bob' },
    )
    expect(await queries.load('edited')).toEqual(two)
    const history = await queries.history('edited')
    expect(history.map(({ version, by }) => [version, by])).toEqual([
      [2, 'bob'],
      [1, 'ann'],
    ])
    expect(history[0]?.text?.replace('"Name",\n    "Rating"', '"Name"')).toBe(history[1]?.text)
    await queries.remove('edited', { expected: 2, by: 'ann' })
    await expectCode(queries.load('edited'), 'MILL_SAVED_QUERY_UNKNOWN')
    expect((await queries.history('edited'))[0]).toMatchObject({ version: 3, by: 'ann', text: null })
    expect(await queries.save({ ...json, name: 'edited' }, first)).toMatchObject({ version: 4 })
  })

  test('of two editors take the first, and tell the second', async () => {
    await queries.save({ ...json, name: 'shared' }, first)
    const edits = ['ann', 'bob'].map((by) =>
      queries.save({ ...json, name: 'shared', label: by }, { expected: 1, by }),
    )
    const answers = await Promise.allSettled(edits)
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const lost = answers.find(({ status }) => status === 'rejected') as PromiseRejectedResult
    expect(lost.reason).toMatchObject({ code: 'MILL_DOCUMENT_CONFLICT', data: { expected: 1, version: 2 } })
    expect(await queries.history('shared')).toHaveLength(2)
    await expectCode(queries.save({ ...json, name: 'shared' }, first), 'MILL_DOCUMENT_CONFLICT')
    await expectCode(queries.remove('shared', { expected: 1, by: null }), 'MILL_DOCUMENT_CONFLICT')
  })

  test('write nothing that does not fit the schema', async () => {
    const bad = queries.save({ ...json, name: 'bad', columns: ['Nope'] }, first)
    await expectCode(bad, 'MILL_SAVED_QUERY_INVALID', /columns\[0\] Customer has no field Nope/)
    expect(await queries.history('bad')).toEqual([])
    const filters = Array.from({ length: 50 }, () => ({
      field: 'Name',
      operator: 'equals',
      value: 'x'.repeat(9_000),
    }))
    await expectCode(
      queries.save({ ...json, name: 'bad', filters }, first),
      'MILL_SAVED_QUERY_INVALID',
      /bytes as JSON/,
    )
    expect(await queries.history('bad')).toEqual([])
  })

  test('leave those in code alone', async () => {
    expect(await queries.load('in-code')).toEqual({
      query: inCode,
      version: null,
      tenant: null,
      by: null,
      at: null,
    })
    await expectCode(queries.save({ ...json, name: 'in-code' }, first), 'MILL_DEFINITION_DUPLICATE')
    await expectCode(queries.remove('in-code', { expected: 1, by: null }), 'MILL_DEFINITION_DUPLICATE')
    const twice = (): SavedQueries => new SavedQueries(storage.documents, schema, [inCode, inCode])
    expect(twice).toThrow(/two saved queries are named in-code/)
    const lost = (): SavedQueries => new SavedQueries(storage.documents, new Schema([Person]), [inCode])
    expect(lost).toThrow(/list view in-code: object Customer is no object/)
  })

  test('belong to a tenant or to all', async () => {
    await queries.save({ ...json, name: 'both', label: 'All' }, first)
    await queries.save({ ...json, name: 'both', label: 'Own' }, { ...first, tenant: 'acme' })
    await queries.save({ ...json, name: 'own' }, { ...first, tenant: 'acme' })
    expect((await queries.load('both', 'acme')).query.label).toBe('Own')
    expect((await queries.load('both', 'globex')).query.label).toBe('All')
    await expectCode(queries.load('own', 'globex'), 'MILL_SAVED_QUERY_UNKNOWN')
    const names = async (tenant: string | null): Promise<readonly string[]> =>
      (await queries.list(tenant))
        .filter(({ name }) => ['both', 'own', 'in-code'].includes(name))
        .map(({ name, label }) => `${name} ${label}`)
    expect(await names('acme')).toEqual(['both Own', 'in-code In code', 'own Mine'])
    expect(await names('globex')).toEqual(['both All', 'in-code In code'])
  })

  test('tell the nearest name', async () => {
    await expectCode(queries.load('in-cod'), 'MILL_SAVED_QUERY_UNKNOWN', /did you mean in-code\?/)
  })

  test('are told when the schema has moved on', async () => {
    await queries.save({ ...json, name: 'old', columns: ['Rating'] }, first)
    const { Rating: _, ...fields } = Customer.fields
    const moved = new SavedQueries(storage.documents, new Schema([Person, { ...Customer, fields }]))
    await expectCode(moved.load('old'), 'MILL_SAVED_QUERY_INVALID', /Customer has no field Rating/)
    expect((await moved.list()).map(({ name }) => name)).toContain('old')
  })
})
