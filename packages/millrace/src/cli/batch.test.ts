import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMill, defineBatch } from '../index.ts'
import { CliProject } from '../../../../tests/support/cli.ts'

const project = new CliProject({
  'millrace.config.mjs': `import { defineBatch, defineQueueable } from 'millrace'
export const nightly = defineBatch({ name: 'nightly', start: () => [], execute() {} })
export const other = defineQueueable({ name: 'other', execute() {} })
export default { storage: 'sqlite:mill.db', definitions: [nightly, other] }`,
})
const run = (...args: string[]) => project.run(['batch', ...args])
let id = ''

beforeAll(async () => {
  const nightly = defineBatch({
    name: 'nightly',
    retry: { attempts: 1 },
    scope: 2,
    start: () => [{ n: 1 }, { n: 2 }, { n: 3 }],
    execute(scope) {
      if (scope.some(({ n }) => n === 1)) throw new TypeError('one is bad')
    },
  })
  const mill = await createMill({
    storage: `sqlite:${project.path}/mill.db`,
    definitions: [nightly],
    log: { sink: () => undefined },
  })
  await mill.start()
  const job = await mill.enqueue(nightly, null)
  await job.completed()
  id = job.id
  await mill.stop()
}, 60_000)
afterAll(() => project.remove())

test('status, failed, export, import, retry, run', async () => {
  const status = (await run('status', id)).stdout
  expect(status).toContain('1 of 3 processed, 2 failed, 2 set aside now')
  expect(status).toContain('1 of 2, 1 error')
  expect((await run('failed', id)).stdout).toMatch(/^ +2 +1 +TypeError +one is bad$/m)
  expect((await run('failed', id, '--export', 'failed.csv')).code).toBe(0)
  expect((await run('failed', id, '--export', 'failed.csv')).stderr).toContain('not written over')
  const file = join(project.path, 'failed.csv')
  const text = readFileSync(file, 'utf8')
  expect(text.split('\r\n')).toHaveLength(4)
  expect((await run('failed', id, '--export', '-')).stdout).toBe(text)
  writeFileSync(join(project.path, 'bad.csv'), text.replace(/,2\r\n/, ',two\r\n'))
  const refused = await run('retry', id, '--import', 'bad.csv')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('line 3: n "two" is no number')
  expect((await run('retry', id, '--import', 'gone.csv')).code).toBe(2)
  expect((await run('retry', id, '--import', 'failed.csv')).stdout).toMatch(/ is retried as [0-9a-f-]{36}\n$/)
  expect(await project.json(['batch', 'retry', id])).toMatchObject({ id })
  expect((await run('run', 'nightly', '{}')).stdout).toMatch(/^[0-9a-f-]{36}\n$/)
  const other = await run('run', 'other')
  expect(other.code).toBe(1)
  expect(other.stderr).toContain('there is no batch other')
}, 120_000)
