import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { settingsOf } from './settings.ts'
import { openStorage } from './storage-url.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-url-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const open = (storage: string) => openStorage(settingsOf({ storage }), {}, {})

test.each([':memory:', join(folder, 'new/folder/mill.db')])('sqlite:%s', async (path) => {
  const { storage, foreign } = await open(`sqlite:${path}`)
  expect([storage.kind, foreign]).toEqual(['sqlite', null])
  await storage.close()
})

test.each([
  '',
  'sqlite:',
  'sqlite',
  'mill.db',
  'mysql://host/x',
  'postgres:/host',
  'postgres://[',
  'https://x',
])('%j is no storage', async (text) => {
  await expect(open(text)).rejects.toMatchObject({ code: 'MILL_STORAGE_URL_INVALID' })
})

test('a password never reaches the message, wherever it stands', async () => {
  for (const text of [
    'mysql://me:hunter2@host/x',
    'postgres://me:hunter2@[/x',
    'mysql://me:p@hunter2@host/x',
    'mysql://host/x?password=hunter2',
    'mysql://me:\nhunter2@host/x',
    'postgres:me:hunter2@host/x',
    'me:hunter2@host/x',
    'host=db password=hunter2',
  ]) {
    const error = (await open(text).catch((thrown: unknown) => thrown)) as Error
    expect(error.message).not.toContain('hunter2')
  }
})
