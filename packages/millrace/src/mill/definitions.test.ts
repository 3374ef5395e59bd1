import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { defineQueueable } from '../tools/queueable/define.ts'
import { loadDefinitions } from './definitions.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-definitions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const define = fileURLToPath(new URL('../tools/queueable/define.ts', import.meta.url))

function module(path: string, body: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), `import { defineQueueable } from ${JSON.stringify(define)}\n${body}\n`)
}

module(
  'jobs/mail.ts',
  `export const send = defineQueueable({ name: 'send', execute: () => 1 })
   export const other = 5
   export default defineQueueable({ name: 'sent', execute: () => 1 })`,
)
module('jobs/deep/bill.ts', `export const bill = defineQueueable({ name: 'bill', execute: () => 1 })`)
module('again/index.ts', `export { send } from '../jobs/mail.ts'`)
module('twin/mail.ts', `export const twin = defineQueueable({ name: 'send', execute: () => 2 })`)
module('bad/bad.ts', `export const bad = defineQueueable({ name: 'no good', execute: () => 1 })`)
module('broken/broken.ts', `throw new Error('at import')`)

const work = defineQueueable({ name: 'work', execute: () => undefined })
const names = async (...entries: Parameters<typeof loadDefinitions>[0] & {}) =>
  (await loadDefinitions(entries, folder)).tools.map(({ name }) => name).sort()

test('values, and every definition that modules of a pattern export', async () => {
  expect(await names(work)).toEqual(['work'])
  expect(await names('jobs/**/*.ts', work)).toEqual(['bill', 'send', 'sent', 'work'])
  expect(await names('jobs/deep/*.ts')).toEqual(['bill'])
  expect(await names(join(folder, 'jobs/mail.ts'))).toEqual(['send', 'sent'])
  expect((await loadDefinitions()).tools).toEqual([])
})

test('the same value reached twice is one definition', async () => {
  expect(await names('jobs/mail.ts', 'again/*.ts', work, work)).toEqual(['send', 'sent', 'work'])
})

test('two with one name are refused, two versions are not', async () => {
  await expect(names('jobs/mail.ts', 'twin/*.ts')).rejects.toMatchObject({
    code: 'MILL_DEFINITION_DUPLICATE',
    message: expect.stringContaining('send') as string,
  })
  const young = defineQueueable({ name: 'work', version: 2, execute: () => undefined })
  expect(await names(work, young)).toEqual(['work', 'work'])
})

test('a pattern that finds nothing, and an entry that is none, are refused', async () => {
  await expect(names('nowhere/*.ts')).rejects.toMatchObject({
    code: 'MILL_CONFIG_INVALID',
    message: expect.stringContaining('nowhere/*.ts') as string,
  })
  for (const entry of [{}, null, 5, () => work])
    await expect(names(entry as never)).rejects.toMatchObject({ code: 'MILL_CONFIG_INVALID' })
})

test('a module that cannot be imported says which and why; a bad definition keeps its own code', async () => {
  await expect(names('broken/*.ts')).rejects.toMatchObject({
    code: 'MILL_CONFIG_INVALID',
    message: expect.stringMatching(/broken\.ts.*at import/) as string,
    cause: { message: 'at import' },
  })
  await expect(names('bad/*.ts')).rejects.toMatchObject({ code: 'MILL_NAME_INVALID' })
})
