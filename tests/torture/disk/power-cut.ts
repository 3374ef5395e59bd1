import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { check, describe } from '../checker.ts'
import { acknowledged } from '../checks/acknowledged.ts'
import { children } from '../checks/children.ts'
import { conservation } from '../checks/conservation.ts'
import { effects } from '../checks/effects.ts'
import { status } from '../checks/status.ts'
import { tokens } from '../checks/tokens.ts'
import type { Violation } from '../checks/violation.ts'
import { Findings, type Evidence, type Setting } from '../evidence.ts'
import { Ledger, readLedger, type Entry } from '../ledger.ts'
import { Random } from '../random.ts'
import { backlog, readRows } from '../rows.ts'
import { leaseMs, Run } from '../run.ts'
import { sqliteTarget } from '../target.ts'
import { until } from '../until.ts'
import { openMill } from '../workload-main.ts'
import { Disk, type DiskEvent, type Image } from './disk.ts'
import { diskEvents, traced, tracerOf } from './syscalls.ts'

export interface PowerCutOptions {
  readonly images: number
  readonly seed: number
  readonly synchronous: 'FULL' | 'NORMAL'
  /** On so many of the images a worker then goes on until all is done. */
  readonly resumed?: number
}

export interface PowerCuts {
  readonly images: number
  /** Images in which something is not that was acknowledged before the power went, or something else is wrong. */
  readonly wrong: number
  /** Images that SQLite finds damaged. */
  readonly damaged: number
  /** The first few, as text. */
  readonly report: string
}

/** All that a few lives of a process did to the disk and said, and the disk before it. */
export interface Recording {
  readonly place: string
  readonly base: Image
  readonly events: readonly DiskEvent[]
}

/** Workers over SQLite write and say; then the power goes at so many moments, and each time the database must know what was said. */
export async function powerCutImages({ synchronous, ...options }: PowerCutOptions): Promise<PowerCuts> {
  return cutPower(await record(options.seed, synchronous), options)
}

/** Three lives of a process: killed, then stopped, so that logs are recovered, written back and deleted, too. */
export async function record(seed: number, synchronous: 'FULL' | 'NORMAL'): Promise<Recording> {
  const target = await sqliteTarget()
  const run = new Run(target, seed)
  const random = new Random(seed)
  const { place } = target.source
  const logs = mkdtempSync(join(tmpdir(), 'millrace-calls-'))
  try {
    const base = filesIn(dirname(place))
    let log = ''
    for (const end of ['kill', 'terminate', 'terminate'] as const) {
      const file = join(logs, 'calls')
      const process = run.start('worker', {
        produces: 'load',
        config: { sqlite: { synchronous } },
        launch: { under: traced(file) },
      })
      const far = random.whole(250, 400)
      await run.reaches(process, 'has written enough', () => process.progress > far)
      const tracer = tracerOf(process.pid)
      if (end === 'kill') await run.kill(process)
      else run.terminate(process)
      await run.reaches(process, 'is gone', () => process.isGone)
      await run.reaches(process, 'has its calls logged', () => tracer.isGone)
      log += readFileSync(file, 'utf8')
    }
    return { place, base, events: diskEvents(log, dirname(place)) }
  } finally {
    rmSync(logs, { recursive: true, force: true })
    await run.dispose()
  }
}

export async function cutPower(
  { place, base, events }: Recording,
  { images, seed, resumed = 0 }: Omit<PowerCutOptions, 'synchronous'>,
): Promise<PowerCuts> {
  const random = new Random(`power ${seed}`)
  const moments = Array.from({ length: images }, () => random.whole(1, events.length)).sort((a, b) => a - b)
  const disk = new Disk(base)
  const entries: Entry[] = []
  const told: string[] = []
  const every = Math.ceil(images / (resumed + 1))
  let [wrong, damaged, next] = [0, 0, 0]
  for (const [number, moment] of moments.entries()) {
    for (; next < moment; next += 1) {
      const event = events[next] as DiskEvent
      disk.apply(event)
      if (event.kind === 'said') entries.push(JSON.parse(event.line) as Entry)
    }
    const image = disk.cut(random)
    let verdict = await look(image, place, entries)
    if (verdict === '' && number % every === every - 1) verdict = await goOn(image, place, entries)
    if (verdict === '') continue
    if (verdict.startsWith('damaged')) damaged += 1
    wrong += 1
    told.push(`image ${number}, before event ${moment} of ${events.length}: ${verdict}`)
  }
  return { images, wrong, damaged, report: told.slice(0, 3).join('\n') }
}

/** What is wrong with the image, for somebody who was told `entries`; empty when nothing is. */
async function look(image: Image, place: string, entries: readonly Entry[]): Promise<string> {
  const folder = unpacked(image)
  const path = join(folder, basename(place))
  try {
    const db = new DatabaseSync(path)
    try {
      const [{ integrity_check: found } = {}] = db.prepare('pragma integrity_check').all()
      if (found !== 'ok') return `damaged: ${String(found)}`
      const isMigrated =
        db.prepare(`select 1 from sqlite_schema where name = 'millrace_lease'`).all().length > 0
      // Before that nothing can have been acknowledged.
      if (!isMigrated) return entries.some(({ kind }) => kind === 'ok') ? 'lost: all of it' : ''
      return await contradicted(path, entries)
    } finally {
      db.close()
    }
  } catch (error) {
    return `damaged: ${String(error)}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The machine is on again: a worker does all that is left, and nothing of what was promised before is broken. */
async function goOn(image: Image, place: string, before: readonly Entry[]): Promise<string> {
  const folder = unpacked(image)
  const path = join(folder, basename(place))
  const source = { kind: 'sqlite', place: path, schema: '', effects: '' } as const
  const ledger = new Ledger(join(folder, 'ledgers'), 'resumed')
  const config = { storage: `sqlite:${path}`, lease: `${leaseMs}ms` } as const
  try {
    ledger.write({ kind: 'began', pid: process.pid, role: 'worker' })
    const { mill } = await openMill({ config, keeperThread: false }, ledger)
    try {
      await mill.start()
      await until('all is done', 30_000, async () => (await backlog(source)) === 0)
    } finally {
      await mill.stop()
    }
    const entries = [...before, ...deathsOf(before), ...readLedger(join(folder, 'ledgers'), 'resumed')]
    const evidence: Evidence = {
      entries: entries.sort((a, b) => a.at - b.at),
      rows: await readRows(source),
      setting,
    }
    const violations = check(evidence)
    return violations.length === 0 ? '' : `gone on with: ${describe(violations, evidence, 2)}`
  } catch (error) {
    return `gone on with: ${String(error)}`
  } finally {
    ledger.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whoever had not stopped was killed, at the latest by the power. */
function deathsOf(entries: readonly Entry[]): Entry[] {
  const last = new Map(entries.map((entry) => [entry.process, entry]))
  return [...last.values()]
    .filter(({ kind }) => kind !== 'stopped')
    .map(({ at, wall, process: target }) => {
      return { kind: 'did', action: 'kill', target, at, wall, process: 'harness' }
    })
}

const setting: Setting = {
  leaseMs,
  maxDeaths: 3,
  recoveryBoundMs: null,
  lapsesByItself: true,
  databaseFaults: false,
  prunable: new Set(),
}

/** What holds at every moment, not only when all is done. */
const always = [acknowledged, effects, tokens, conservation, status, children]

async function contradicted(path: string, entries: readonly Entry[]): Promise<string> {
  const evidence: Evidence = {
    entries: [...entries],
    rows: await readRows({ kind: 'sqlite', place: path, schema: '', effects: '' }),
    setting,
  }
  const findings = new Findings(evidence)
  const violations: Violation[] = always.flatMap((one) => one(findings))
  return violations.length === 0 ? '' : describe(violations, evidence, 2)
}

function filesIn(folder: string): Image {
  return new Map(
    readdirSync(folder).map((name) => [join(folder, name), readFileSync(join(folder, name))] as const),
  )
}

/** The image as files; in memory where that can be, because it is thrown away. */
function unpacked(image: Image): string {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'millrace-image-'))
  for (const [path, content] of image) writeFileSync(join(folder, basename(path)), content)
  return folder
}
