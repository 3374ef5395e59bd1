import { afterAll, expect, test } from 'vitest'
import { openSqlite } from './open.ts'

const storage = await openSqlite({ path: ':memory:', release: '0.1.0' })
afterAll(() => storage.close())

test('statements of users may call them, in and outside of transactions, without counting as writes', async () => {
  const text = [
    "select millrace_fold('ÄB') as folded, millrace_fold(null) as none, millrace_fold(12) as number, millrace_fold(9007199254740993) as large,",
    "millrace_local(0, 'Europe/Berlin') as epoch, millrace_local('2026-07-01T10:00:00.000Z', 'Europe/Berlin') as text,",
    "millrace_local(null, 'UTC') as zilch, millrace_local(9007199254740993, 'UTC') as never",
  ].join(' ')
  const expected = [
    {
      folded: 'äb',
      none: null,
      number: '12',
      large: '9007199254740993',
      epoch: '1970-01-01 01:00:00.000',
      text: '2026-07-01 12:00:00.000',
      zilch: null,
      never: null,
    },
  ]
  expect(await storage.reader.query([text], [], { timeoutMs: 1_000 })).toEqual(expected)
  const tx = await storage.begin({ token: null, idleTimeoutMs: 1_000, writeTimeoutMs: 1_000 })
  expect(await tx.query([text], [])).toEqual(expected)
  expect(await tx.hasWrites()).toBe(false)
  await tx.rollback()
})

test('a zone that there is not fails the statement', async () => {
  const text = ["select millrace_local(0, 'Mars/Olympus') as there"]
  await expect(storage.reader.query(text, [], { timeoutMs: 1_000 })).rejects.toThrow(/Mars/)
})
