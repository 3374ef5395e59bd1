import { mkdtempSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadConfig } from './load-config.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-config-')))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function folder(name: string, files: Record<string, string>): string {
  const path = join(root, name)
  mkdirSync(path, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  return path
}

test('the nearest one upwards; paths in it are relative to it', async () => {
  const app = folder('app', {
    'millrace.config.mjs': `export default { storage: 'sqlite:data/x.db', concurrency: 3, definitions: ['jobs/*.ts', '/abs/*.ts'] }`,
  })
  const deep = folder('app/src/deep', {})
  expect(await loadConfig(undefined, deep)).toEqual({
    path: join(app, 'millrace.config.mjs'),
    config: {
      storage: `sqlite:${join(app, 'data/x.db')}`,
      concurrency: 3,
      definitions: [join(app, 'jobs/*.ts'), '/abs/*.ts'],
    },
  })
})

test('TypeScript first, then mjs, then js', async () => {
  const all = folder('all', {
    'millrace.config.ts': 'export default { concurrency: 1 as number }',
    'millrace.config.mjs': 'export default { concurrency: 2 }',
  })
  expect((await loadConfig(undefined, all))?.config.concurrency).toBe(1)
})

test('a named file, relative to the directory or absolute', async () => {
  const path = folder('named', { 'other.mjs': 'export default { concurrency: 4 }' })
  expect((await loadConfig('other.mjs', path))?.config).toEqual({ concurrency: 4 })
  expect((await loadConfig(join(path, 'other.mjs'), root))?.path).toBe(join(path, 'other.mjs'))
})

test('storage that is no file stays as it is', async () => {
  for (const storage of ['postgres://host/x', 'sqlite::memory:', 'sqlite:/abs/x.db']) {
    const path = folder(`storage-${String(storage.length)}`, {
      'millrace.config.mjs': `export default { storage: ${JSON.stringify(storage)} }`,
    })
    expect((await loadConfig(undefined, path))?.config.storage).toBe(storage)
  }
})

test('null when there is none', async () => {
  expect(await loadConfig(undefined, folder('none', {}))).toBeNull()
})

test.each<[string, string, RegExp]>([
  ['missing.mjs', '', /there is no config file .*missing\.mjs/],
  ['broken.mjs', 'throw new Error("at import")', /broken\.mjs.*at import/],
  ['syntax.mjs', 'export default {', /syntax\.mjs/],
  ['empty.mjs', 'export const config = {}', /empty\.mjs.*default export/],
  ['number.mjs', 'export default 5', /number\.mjs.*default export/],
])('%s is refused with its path', async (file, text, message) => {
  const path = folder('bad', text === '' ? {} : { [file]: text })
  await expect(loadConfig(file, path)).rejects.toMatchObject({
    code: 'MILL_CONFIG_INVALID',
    message: expect.stringMatching(message) as string,
  })
})
