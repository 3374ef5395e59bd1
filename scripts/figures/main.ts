// npm run figures [-- --json | --record <file.ndjson>…]: the figures last proven, and the page docs/figures.md made of them.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { merge, parseLines, type Environment, type Figures } from './figures.ts'
import { page } from './page.ts'
import { judge } from './targets.ts'

const repository = join(import.meta.dirname, '../..')
const file = join(repository, 'figures/figures.json')
const pageFile = join(repository, 'docs/figures.md')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, record: { type: 'boolean', default: false } },
})

const figures = JSON.parse(readFileSync(file, 'utf8')) as Figures
if (values.record) await record(positionals)
else if (values.json) console.log(JSON.stringify({ targets: judge(figures), ...figures }))
else show()

async function record(paths: readonly string[]): Promise<void> {
  if (paths.length === 0) throw new Error('usage: npm run figures -- --record <file.ndjson>…')
  const lines = paths.flatMap((path) => parseLines(readFileSync(path, 'utf8')))
  const recording = { commit: commit(), date: new Date().toISOString().slice(0, 10), environment: machine() }
  const merged = merge(figures, lines, recording)
  writeFileSync(file, `${JSON.stringify(merged, null, 2)}\n`)
  writeFileSync(pageFile, await page(merged, pageFile))
}

function show(): void {
  for (const { what, wanted, unit, measured, met } of judge(figures)) {
    const verdict = met === null ? 'not measured yet' : `${String(measured)}, ${met ? 'met' : 'NOT met'}`
    console.log(`${what}: ${wanted} ${unit}: ${verdict}`)
  }
}

/** What is checked out; figures of anything else must not pass for those of a commit. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim()
  const own = [':!figures/figures.json', ':!docs/figures.md']
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', ...own)
  return `${git('rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : '-changed'}`
}

function machine(): Environment {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    sqlite: process.versions['sqlite'] ?? 'unknown',
  }
}
