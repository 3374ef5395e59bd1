import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { Run } from '../run.ts'
import { sqliteTarget } from '../target.ts'
import { fullDisks, type FullDisk } from './full-disk.ts'
import { codesOfCalls } from './heard.ts'

function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
}

test(
  'workers whose files may not grow (ulimit -f) say so by codes, and go on when they may',
  { timeout: 90_000 },
  async () => {
    const target = await sqliteTarget()
    // As long as the log is now: it has yet to be longer than a ledger will be.
    const limit: FullDisk = {
      codes: ['MILL_STORAGE_IO', 'MILL_COMMIT_UNKNOWN'],
      lapses: true,
      fill: async (workers) => {
        const { size } = statSync(`${target.source.place}-wal`)
        expect(size).toBeGreaterThan(1_000_000)
        for (const { pid } of workers) limitFiles(pid, size)
      },
      free: async (workers) => {
        for (const { pid } of workers) limitFiles(pid, 'unlimited')
      },
    }
    const { report, evidence } = await fullDisks(target, [limit], { times: 2, seed: 3 })
    expect(report).toBe('')
    for (const code of codesOfCalls(evidence.entries)) expect(code).toMatch(/^MILL_|^rolled back$/)
  },
)

// Root may write anywhere, unless it has given that up.
const heedsModes =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : []

test(
  'a database that may not be written any more is refused by its code, and goes on when it may',
  { timeout: 60_000 },
  async () => {
    const run = new Run(await sqliteTarget())
    const { place } = run.target.source
    const launch = { under: heedsModes }
    const files = (): string[] => [place, `${place}-wal`, `${place}-shm`].filter((file) => existsSync(file))
    try {
      const first = run.start('first', { produces: 'load', launch })
      await run.reaches(first, 'works', () => first.progress > 60)
      await run.kill(first)
      for (const file of files()) chmodSync(file, 0o444)
      chmodSync(dirname(place), 0o555)
      const refused = run.start('refused', { produces: 'load', launch })
      refused.expectFailure()
      await refused.gone
      expect(refused.entries().filter(({ kind }) => kind === 'trouble')).toMatchObject([
        { role: 'open', code: 'MILL_STORAGE_READ_ONLY' },
      ])
      for (const file of files()) chmodSync(file, 0o644)
      chmodSync(dirname(place), 0o755)
      const second = run.start('second', { produces: 'load', launch })
      await run.reaches(second, 'works', () => second.progress > 60)
      second.quiet()
      const { report } = await run.finish()
      expect(report).toBe('')
    } finally {
      chmodSync(dirname(place), 0o755)
      await run.dispose()
    }
  },
)
