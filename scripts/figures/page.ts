import { format, resolveConfig } from 'prettier'
import type { Comparison, Environment, Figures, Result, Statement } from './figures.ts'
import { judge, type Judged } from './targets.ts'

/** docs/figures.md as it follows from the figures, formatted like every page. */
export async function page(figures: Figures, path: string): Promise<string> {
  const sections = [
    intro,
    targets(judge(figures)),
    comparisons(figures),
    statements(figures),
    machines(figures),
    repeat,
  ]
  return await format(sections.flat().join('\n'), { ...(await resolveConfig(path)), parser: 'markdown' })
}

const intro = `# Figures

What was measured, beside others and on a machine that did nothing else. This page is made by \`npm run figures\` from
\`figures/figures.json\`; nobody writes figures into it by hand. Where Millrace is slower, the table says so.

Absolute figures differ by a factor of two between machines, and between hours on a shared one: **the ratios count**.
Contestants take turns within each round, each in a process and on a database of its own, with the same server, payload
(about 100 bytes) and durability: nothing is acknowledged before it is on disk, unless the settings of a row say
otherwise. A figure is the median of the rounds, in brackets the lowest and the highest. After each run the contestant's
own tables must say that every job was done once and nothing is left, or the figure does not count. Peers run at their
best documented settings, and where that differs much also as they come.
`

function targets(judged: readonly Judged[]): string[] {
  return [
    '## Targets',
    '',
    ...table(
      ['what', 'wanted', 'measured', 'met'],
      judged.map(({ what, wanted, unit, measured, met }) => [
        what,
        `${wanted} ${unit}`,
        measured === null ? '–' : String(measured),
        met === null ? 'not measured yet' : met ? 'yes' : '**no**',
      ]),
    ),
  ]
}

function comparisons({ results }: Figures): string[] {
  const found = results.filter((result): result is Comparison => result.kind === 'ratio')
  const head = [
    '## Beside others',
    '',
    'A factor above 1 means that Millrace is better, also where less is better.',
    '',
  ]
  return [...head, ...(found.length === 0 ? ['Not measured yet.', ''] : found.flatMap(comparison))]
}

function comparison(result: Comparison): string[] {
  const { line, contestants, syncsPerSecond } = result
  const { scenario, database, what, unit, against, rounds, quick } = line
  const size = `${rounds} rounds${quick ? ' of reduced size (`--quick`)' : ''}`
  const syncs = syncsPerSecond === null ? '' : `, ${syncsPerSecond} syncs a second`
  return [
    `### ${scenario} on ${databaseName(database)}`,
    '',
    `${sentence(what)} ${size}${syncs}, ${provenance(result)}.`,
    '',
    ...table(
      ['contestant', unit, 'factor', 'history', 'guarantee', 'settings'],
      contestants.map((one) => [
        [one.contestant, one.version].filter((part) => part !== null).join(' '),
        `${one.median} [${one.lowest}–${one.highest}]${details(one.detail)}`,
        against[one.contestant] === undefined ? '' : String(against[one.contestant]),
        one.keepsHistory ? 'kept' : 'not kept',
        one.guarantee,
        one.settings,
      ]),
    ),
  ]
}

function details(detail: Readonly<Record<string, number>> | undefined): string {
  return Object.entries(detail ?? {})
    .map(([name, value]) => `, ${name} ${value}`)
    .join('')
}

const titles = {
  verdict: [
    '## Torture',
    'Worker processes, servers and disks are made to fail; then a checker compares ledgers with the database.',
  ],
  sim: ['## Simulation', 'The engine in one process under a virtual clock, with faults drawn from a seed.'],
  fairness: ['## Fairness', 'How evenly tenants are served.'],
} as const

function statements({ results }: Figures): string[] {
  return (['verdict', 'sim', 'fairness'] as const).flatMap((kind) => {
    const found = results.filter((result): result is Statement => result.kind === kind)
    return [
      ...titles[kind].flatMap((text) => [text, '']),
      ...(found.length === 0 ? ['Not run yet.', ''] : found.flatMap(statement)),
    ]
  })
}

/** Every field that the tool told: what it counts is its own business. */
function statement(result: Statement): string[] {
  const { kind: _, scenario, database, ...fields } = result.line
  const where = [scenario, database === undefined ? undefined : databaseName(database)].filter(
    (part) => part !== undefined,
  )
  return [
    `${[...where, provenance(result)].join(', ')}:`,
    '',
    ...table(
      ['what', 'figure'],
      Object.entries(fields).map(([name, value]) => [
        words(name),
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ),
  ]
}

function machines({ environments }: Figures): string[] {
  const found = Object.entries(environments)
  return ['## Machines', '', ...(found.length === 0 ? ['None yet.', ''] : found.flatMap(machine))]
}

function machine([key, environment]: readonly [string, Environment]): string[] {
  const { cores, cpu, memoryGiB, node, sqlite, postgres, redis, peers } = environment
  const rows: [string, string][] = [
    ['cores', cpu === undefined ? String(cores) : `${cores} (${cpu})`],
    ['memory', `${memoryGiB} GiB`],
    ['Node', node],
    ['SQLite', sqlite],
  ]
  if (postgres) rows.push(['PostgreSQL', list(postgres)])
  if (redis) rows.push(['Redis', redis])
  if (peers) rows.push(['peers', list(peers)])
  return [`\`${key}\``, '', ...table(['what', 'value'], rows)]
}

const repeat = `## Repeat it

The peers are installed in \`bench/\` only. It takes the PostgreSQL server of \`MILLRACE_TEST_POSTGRES\`, or starts one from the
system's binaries; BullMQ needs \`redis-server\`.

\`\`\`sh fragment
npm run bench -- drain --json > drain.ndjson            # one scenario on both databases, five rounds
npm run bench -- --quick --json > all.ndjson            # all of them, smaller, three rounds
npm run torture -- --db postgres --kills 100 --json > torture.ndjson
npm run figures -- --record drain.ndjson torture.ndjson # merges them, and makes this page anew
npm run figures -- --json                               # the figures, for programs
\`\`\`

\`--record\` puts figures in the place of older ones of the same kind, scenario and database, with the commit that is checked
out and the date.

How the peers are set up:

- BullMQ is measured on Redis with \`appendfsync always\`, so that it too acknowledges what is on disk, and on PostgreSQL
  with its own backend for it, which it has since version 6. Its jobs are removed when they complete, as it recommends.
- pg-boss serves throughput best when its \`fetch\` and \`complete\` are called in loops, and latency with \`notify\`; both are
  documented. Its \`work\` as it comes takes a job per poll, so that few jobs say enough.
- A drain counts from the start of the worker; \`firstAfterMs\` is how much of it passed before the first handler.
- DBOS has no bulk call. Where a job writes, it does so in a step, at least once. Its data sources write down the step
  together with its writes, but those for Knex (4.5.13) and postgres.js (4.24.16) need what SDK 5.3 no longer has.
- plainjob sets SQLite to \`NORMAL\` when it opens; it is measured so, and set back to \`FULL\`.
`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line), '']
}

function provenance({ commit, date, environment }: Result): string {
  return `commit \`${commit}\`, ${date}, machine \`${environment}\``
}

function list(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

function databaseName(database: string): string {
  return { postgres: 'PostgreSQL', sqlite: 'SQLite' }[database] ?? database
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

/** longestRecoveryMs: longest recovery ms */
function words(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
