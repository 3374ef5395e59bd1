import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test, vi } from 'vitest'
import { CliProject } from '../../../../tests/support/cli.ts'
import type { ObjectSummary } from '../index.ts'

vi.setConfig({ testTimeout: 30_000 })

const project = new CliProject({
  'millrace.config.ts': `
    import { defineConfig } from 'millrace'
    export default defineConfig({ storage: 'sqlite:data/test.db', definitions: ['objects/*.ts'] })`,
  'objects/shop.ts': `
    import { defineObject, id, reference, text } from 'millrace'
    export const Shop = defineObject({
      name: 'Shop', table: 'shops', label: 'A shop',
      fields: { Id: id({ column: 'id' }), Name: text({ column: 'name', length: 40, required: true }) },
    })
    export const Sale = defineObject({
      name: 'Sale', table: 'sales',
      fields: { Id: id({ column: 'id' }), ShopId: reference('Shop', { column: 'shop_id', children: 'Sales' }) },
    })`,
  'found.config.ts': `
    import { defineConfig } from 'millrace'
    export default defineConfig({ storage: 'sqlite:data/test.db', definitions: ['found/*.ts'] })`,
})
afterAll(() => project.remove())

test('tables for objects, and objects for tables', async () => {
  const file = join(project.path, 'data/test.db')
  const missing = await project.run(['objects', 'introspect'])
  expect(missing).toMatchObject({ code: 1, stdout: '' })
  expect(missing.stderr).toMatch(/MILL_SCHEMA_MISSING/)
  expect(existsSync(file)).toBe(false)

  const created = await project.run(['objects', 'create'])
  expect(created).toMatchObject({ code: 0, stderr: '' })
  expect(created.stdout.indexOf('"shops"')).toBeLessThan(created.stdout.indexOf('"sales"'))
  mkdirSync(join(project.path, 'data'))
  const database = new DatabaseSync(file)
  database.exec(created.stdout)
  database.close()

  const all = await project.run(['objects', 'introspect'])
  expect(all).toMatchObject({ code: 0, stderr: '' })
  const written = await project.run(['objects', 'introspect', '--out', 'found.ts'])
  expect(written).toMatchObject({ code: 0, stdout: '', stderr: 'wrote found.ts\n' })
  expect(readFileSync(join(project.path, 'found.ts'), 'utf8')).toBe(all.stdout)
  expect((await project.run(['objects', 'introspect', '--out', 'found.ts'])).code).toBe(1)
  project.write('found/objects.ts', all.stdout)

  const listed = await project.json<ObjectSummary[]>(['objects', 'list'])
  expect(listed.map(({ name, table, readOnly }) => ({ name, table, readOnly }))).toEqual([
    { name: 'ApexClass', table: null, readOnly: true },
    { name: 'AsyncApexJob', table: null, readOnly: true },
    { name: 'CronJobDetail', table: null, readOnly: true },
    { name: 'CronTrigger', table: null, readOnly: true },
    { name: 'FlexQueueItem', table: null, readOnly: true },
    { name: 'Sale', table: 'sales', readOnly: false },
    { name: 'Shop', table: 'shops', readOnly: false },
  ])
  const again = await project.json<ObjectSummary[]>(['objects', 'list', '--config', 'found.config.ts'])
  expect(again).toEqual(listed.map((one) => ({ ...one, label: one.label === 'A shop' ? 'Shop' : one.label })))
  const table = await project.run(['objects', 'list'])
  expect(table.stdout).toMatch(/^Sale +2 {2}read, write {2}sales$/m)
})

test('one of them, for the other database; and names that are not there', async () => {
  const { stdout } = await project.run(['objects', 'create', 'shop', '--for', 'postgres'])
  expect(stdout).toContain('"name" varchar(40) not null')
  expect(stdout).toContain('(lower("name" collate "und-x-icu") collate "C")')
  expect(stdout).not.toContain('sales')
  expect((await project.run(['objects', 'create', 'shp'])).stderr).toMatch(
    /there is no object shp \(did you mean Shop\?\)/,
  )
  const unknown = await project.run(['objects', 'introspect', '--table', 'shop'])
  expect(unknown.stderr).toMatch(/there is no table shop \(did you mean shops\?\)/)
  expect((await project.run(['objects', 'introspect', '--table', 'SHOPS'])).stdout).toMatch(
    /export const Shop/,
  )
  expect((await project.run(['objects', 'create', '--for', 'oracle'])).code).toBe(2)
})

test('triggers that tell of changes, for PostgreSQL', async () => {
  project.write(
    'told.config.ts',
    `
    import { defineConfig, defineTrigger } from 'millrace'
    import { Sale, Shop } from './objects/shop.ts'
    const watch = defineTrigger(Sale, { name: 'watch', after: ['insert'] }, () => undefined)
    export default defineConfig({ definitions: [Shop, Sale, watch] })`,
  )
  const run = (...args: string[]) =>
    project.run(['objects', 'triggers', '--config', 'told.config.ts', ...args])
  const postgres = ['--storage', 'postgres://nobody@127.0.0.1:1/none']
  const printed = await run(...postgres)
  expect(printed).toMatchObject({ code: 0, stderr: '' })
  expect(printed.stdout).toMatch(/create trigger "millrace_insert_Sale" after insert on "sales"/)
  expect(printed.stdout).not.toMatch(/shops/)
  const named = await run('shop', '--json', ...postgres)
  expect(JSON.parse(named.stdout)).toMatchObject({ statements: { length: 4 } })
  const wrong = await run('Shpo', ...postgres)
  expect(wrong).toMatchObject({ code: 1, stdout: '' })
  expect(wrong.stderr).toMatch(/MILL_OBJECT_UNKNOWN/)
  const lite = await run()
  expect(lite).toMatchObject({ code: 1, stdout: '' })
  expect(lite.stderr).toMatch(/MILL_NOT_ON_SQLITE/)
})
