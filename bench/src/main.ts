// npm run bench -- <scenario> [--quick] [--json] [--rounds N]: contestants interleaved within each round, medians at the end.
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { scenarios, type Scenario } from './scenarios.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 3 : 5))
const server = process.env.MILLRACE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const say = (line: string): void => void (values.json || console.log(line))

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

/** What the disk gives: syncs a second after an 8 kB write. */
function fsyncRate(directory: string): number {
  const file = openSync(join(directory, 'sync'), 'w')
  const block = Buffer.alloc(8192)
  const begun = performance.now()
  let n = 0
  for (; performance.now() - begun < 1000; n += 1) {
    writeSync(file, block, 0, block.length, 0)
    fdatasyncSync(file)
  }
  closeSync(file)
  return n
}

async function onServer(sql: string): Promise<string> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  const { rows } = await client.query(sql)
  await client.end()
  return String(Object.values((rows[0] ?? {}) as Record<string, unknown>)[0] ?? '')
}

async function runOnce(scenario: Scenario, contestant: string, directory: string): Promise<number> {
  const name = `millrace_bench_${process.pid}_${Math.random().toString(36).slice(2, 8)}`
  const database =
    scenario.database === 'sqlite'
      ? join(directory, `${name}.db`)
      : Object.assign(new URL(server), { pathname: `/${name}` }).href
  if (scenario.database === 'postgres') await onServer(`create database ${name}`)
  try {
    const args = [
      join(import.meta.dirname, 'run.ts'),
      scenario.name,
      contestant,
      database,
      values.quick ? 'quick' : 'full',
    ]
    const output = execFileSync(process.execPath, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 600_000,
    })
    return (JSON.parse(output.trim().split('\n').at(-1) as string) as { perSecond: number }).perSecond
  } finally {
    if (scenario.database === 'postgres') await onServer(`drop database ${name} with (force)`)
    else for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix, { force: true })
  }
}

async function measure(scenario: Scenario, directory: string): Promise<void> {
  const samples = new Map<string, number[]>(scenario.contestants.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name } of scenario.contestants) {
      const rate = await runOnce(scenario, name, directory)
      samples.get(name)?.push(rate)
      say(`${scenario.name} round ${round}/${rounds} ${name}: ${Math.round(rate)} jobs/s`)
    }
  }
  const against: Record<string, number> = {}
  const ours = median(samples.get('millrace') as number[])
  for (const { name, settings, keepsHistory } of scenario.contestants) {
    const rates = samples.get(name) as number[]
    const middle = median(rates)
    if (name !== 'millrace') against[name] = Number((ours / middle).toFixed(2))
    const line = {
      kind: 'contestant',
      scenario: scenario.name,
      contestant: name,
      settings,
      keepsHistory,
      median: Math.round(middle),
      lowest: Math.round(Math.min(...rates)),
      highest: Math.round(Math.max(...rates)),
    }
    if (values.json) console.log(JSON.stringify(line))
    else
      say(
        `  ${name.padEnd(18)} ${line.median} jobs/s [${line.lowest}-${line.highest}], history ${keepsHistory ? 'kept' : 'not kept'}, ${settings}`,
      )
  }
  const ratio = {
    kind: 'ratio',
    scenario: scenario.name,
    database: scenario.database,
    ours: Math.round(ours),
    unit: 'jobs/s',
    against,
  }
  console.log(values.json ? JSON.stringify(ratio) : `  ratio: ${JSON.stringify(against)}`)
}

const wanted = scenarios.filter(
  ({ name }) => positionals.length === 0 || positionals.some((prefix) => name.startsWith(prefix)),
)
if (wanted.length === 0) {
  console.error(
    `no scenario begins with ${positionals.join(', ')}; there are ${scenarios.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}
const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
try {
  const postgres = wanted.some(({ database }) => database === 'postgres')
    ? await onServer('show server_version')
    : 'not used'
  say(
    `Node ${process.version}, SQLite ${process.versions.sqlite}, PostgreSQL ${postgres}, ${fsyncRate(directory)} syncs/s, ${rounds} rounds`,
  )
  for (const scenario of wanted) await measure(scenario, directory)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
