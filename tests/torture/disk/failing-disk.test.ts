import { describe, expect, test } from 'vitest'
import type { Outcome } from '../run.ts'
import { forEver, nowAndThen } from './failing-disk.ts'
import { codesOfCalls } from './heard.ts'
import { straceHere } from './syscalls.ts'

const io = ['MILL_STORAGE_IO', 'MILL_COMMIT_UNKNOWN']

function expectCoded({ report, evidence }: Outcome): void {
  expect(report).toBe('')
  for (const code of codesOfCalls(evidence.entries)) expect(code).toMatch(/^MILL_|^rolled back$/)
}

describe.skipIf(!straceHere())('workers over SQLite whose disk fails', () => {
  test.each([
    ['syncs fail', 'fsync:error=EIO:when=30+7', io],
    ['writes fail', 'pwrite64:error=EIO:when=300+41', io],
    ['writes find no room', 'pwrite64:error=ENOSPC:when=300+41', ['MILL_STORAGE_FULL']],
    ['syncs take a third of a lease', 'fsync:delay_exit=300000:when=30+20', null],
  ] as const)(
    '%s now and then: they go on, and nothing is lost',
    { timeout: 90_000 },
    async (_what, inject, codes) => {
      expectCoded(await nowAndThen({ inject, codes, seed: 9 }))
    },
  )

  test.each([
    ['sync', 'last', 'fsync:error=EIO:when=60+', io],
    ['sync', 'first', 'fsync:error=EIO:when=60+', io],
    ['write', 'last', 'pwrite64:error=EROFS:when=400+', io],
  ] as const)(
    'a worker whose every %s fails is relieved, killed %s, and what it acknowledged stays',
    { timeout: 90_000 },
    async (_what, killed, inject, codes) => {
      expectCoded(await forEver({ inject, codes, seed: 10 }, killed))
    },
  )
})
