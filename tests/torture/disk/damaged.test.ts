import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isMillraceError } from '../../../packages/millrace/src/index.ts'
import { children } from '../checks/children.ts'
import { conservation } from '../checks/conservation.ts'
import { effects } from '../checks/effects.ts'
import { Findings } from '../evidence.ts'
import { Ledger, readLedger, type Entry } from '../ledger.ts'
import { Producer } from '../producer.ts'
import { Random } from '../random.ts'
import { backlog, readRows } from '../rows.ts'
import { leaseMs, Run } from '../run.ts'
import { sqliteTarget } from '../target.ts'
import { until } from '../until.ts'
import { openMill } from '../workload-main.ts'

const pageBytes = 4096

/** A database that a killed worker left behind, with its log, and what it said. */
let run: Run
let said: readonly Entry[]

beforeAll(async () => {
  run = new Run(await sqliteTarget(), 30)
  const start = async (): Promise<ReturnType<Run['start']>> => {
    const worker = run.start('worker', { produces: 'load' })
    await run.reaches(worker, 'has written enough', () => worker.progress > 250)
    return worker
  }
  // Stopping writes the log back, so that there is something in both.
  const first = await start()
  run.terminate(first)
  await first.gone
  await run.kill(await start())
  said = run.entries()
})
afterAll(() => run.dispose())

interface Used {
  /** Codes that whoever opened and used it has heard. */
  readonly codes: readonly string[]
  readonly completed: boolean
  /** What is wrong in it afterwards, apart from what the damage has lost; null: SQLite itself refuses to read it. */
  readonly wrong: readonly string[] | null
}

/**
 * Damages a copy; then a worker opens it and does what is left, and a few more. What was lost with its leases is told by nobody but
 * the ledger, so that tokens are not checked.
 */
async function used(damage: (path: string) => void): Promise<Used> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-damaged-'))
  const path = join(folder, basename(run.target.source.place))
  const ledger = new Ledger(join(folder, 'ledgers'), 'opener')
  const source = { kind: 'sqlite', place: path, schema: '', effects: '' } as const
  const heard = (): string[] =>
    readLedger(join(folder, 'ledgers'), 'opener').flatMap((entry) =>
      entry.kind === 'trouble' || entry.kind === 'fail' || entry.kind === 'unknown' ? [entry.code] : [],
    )
  let completed = false
  try {
    cpSync(dirname(run.target.source.place), folder, { recursive: true })
    rmSync(`${path}-shm`)
    damage(path)
    ledger.write({ kind: 'began', pid: process.pid, role: 'worker' })
    const config = { storage: `sqlite:${path}`, lease: '300ms', patience: '300ms', shutdown: '10ms' } as const
    const { mill, workload } = await openMill({ config, keeperThread: false }, ledger)
    try {
      await mill.start()
      const producer = new Producer(mill, workload, ledger, new Random(1))
      await producer.enqueueAll([1, 2, 3].map((n) => ({ ref: `more ${n}`, kind: 'effect', runMs: 0 })))
      await until('all is done, or the damage is told', 20_000, async () => {
        if (heard().length > 0) return true
        completed = (await backlog(source)) === 0
        return completed
      })
    } finally {
      await mill.stop()
    }
    const entries = [...said, ...readLedger(join(folder, 'ledgers'), 'opener')]
    const setting = {
      leaseMs,
      maxDeaths: 3,
      recoveryBoundMs: null,
      lapsesByItself: true,
      databaseFaults: true,
      prunable: new Set<string>(),
    }
    const findings = new Findings({ entries, rows: await readRows(source), setting })
    const violations = [effects, conservation, children].flatMap((one) => one(findings))
    return { codes: heard(), completed, wrong: violations.map(({ message }) => message) }
  } catch (error) {
    const isOurs = isMillraceError(error)
    if (!isOurs && (error as { errcode?: number }).errcode !== 11) throw error
    const codes = [...heard(), ...(isOurs ? [error.code] : [])]
    return { codes, completed, wrong: null }
  } finally {
    ledger.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('a SQLite database that was damaged', () => {
  test('without its log it is as old as its last checkpoint, and right', { timeout: 60_000 }, async () => {
    const { codes, completed, wrong } = await used((path) => rmSync(`${path}-wal`))
    expect({ codes, completed, wrong }).toEqual({ codes: [], completed: true, wrong: [] })
  })

  test.each(['cut short', 'overwritten in its midst', 'torn at its end', 'of another database'])(
    'with a log that is %s it is as old as what is whole of it, and right',
    { timeout: 60_000 },
    async (how) => {
      const random = new Random(how)
      const { codes, completed, wrong } = await used((path) => {
        const log = readFileSync(`${path}-wal`)
        const at = random.whole(1_000, log.length - 1_000)
        if (how === 'overwritten in its midst') log.fill(0x5a, at, at + 64)
        if (how === 'torn at its end') log.fill(0, log.length - 512)
        if (how === 'of another database') log.fill(0x77, 16, 24)
        writeFileSync(`${path}-wal`, how === 'cut short' ? log.subarray(0, at) : log)
      })
      expect({ codes, completed, wrong }).toEqual({ codes: [], completed: true, wrong: [] })
    },
  )

  test('with a page that is garbage it is refused by its code, or right', { timeout: 120_000 }, async () => {
    const random = new Random(31)
    let refused = 0
    for (let n = 0; n < 6; n += 1) {
      const { codes, completed, wrong } = await used((path) => {
        // All in one file, so that the page is in use.
        const pages = readFileSync(path)
        const page = random.whole(0, Math.floor(pages.length / pageBytes) - 1)
        for (let at = 0; at < pageBytes; at += 1) pages[page * pageBytes + at] = random.whole(0, 255)
        writeFileSync(path, pages)
        if (existsSync(`${path}-wal`)) rmSync(`${path}-wal`)
      })
      if (wrong !== null && codes.length === 0)
        expect({ completed, wrong }).toEqual({ completed: true, wrong: [] })
      else {
        refused += 1
        expect(codes.filter((code) => code !== 'MILL_STORAGE_CORRUPT')).toEqual([])
      }
    }
    expect(refused).toBeGreaterThan(1)
  })
})
