import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** Tells what of node_modules is loaded after each step. */
const script = `
import { registerHooks } from 'node:module'
const loaded = new Set()
registerHooks({
  load(url, context, next) {
    const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]
    if (name !== undefined) loaded.add(name)
    return next(url, context)
  },
})
const tell = () => console.log(JSON.stringify([...loaded]))
const { createMill, defineListView, defineObject, defineQueueable, defineTrigger, id, text } = await import('${join(import.meta.dirname, '../index.ts')}')
const Account = defineObject({ name: 'Account', fields: { Id: id(), Name: text() } })
const trigger = defineTrigger(Account, { name: 'on-account', after: ['insert'] }, () => undefined)
const work = defineQueueable({ name: 'work', execute: (_, ctx) => void ctx.records })
const mill = await createMill({ storage: 'sqlite::memory:', definitions: [Account, trigger, work] })
await mill.start()
await (await mill.enqueue(work, null)).completed()
tell()
await mill.soql\`SELECT COUNT() FROM AsyncApexJob\`.count()
tell()
await mill.stop()
`

test('whoever needs only jobs loads neither the parser nor the compiler', () => {
  const output = execFileSync(
    process.execPath,
    ['--conditions=millrace-source', '--input-type=module', '--eval', script],
    { encoding: 'utf8', cwd: import.meta.dirname },
  )
  const [before, after] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string[])
  const heavy = ['@jetstreamapp/soql-parser-js', 'kysely', 'temporal-polyfill']
  expect(before).toContain('superjson')
  expect(before?.filter((name) => heavy.includes(name))).toEqual([])
  expect(after).toEqual(expect.arrayContaining(['kysely', '@jetstreamapp/soql-parser-js']))
})
