import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Figures } from './figures.ts'
import { page } from './page.ts'

const repository = join(import.meta.dirname, '../..')
const path = join(repository, 'docs/figures.md')

test('docs/figures.md is what follows from figures/figures.json', async () => {
  const figures = JSON.parse(readFileSync(join(repository, 'figures/figures.json'), 'utf8')) as Figures
  expect(readFileSync(path, 'utf8')).toBe(await page(figures, path))
})

const environment = { cores: 2, memoryGiB: 24, node: 'v24.21.0', sqlite: '3.53.4', peers: { peer: '1.2.3' } }
const proven = { commit: 'abc', date: '2026-01-01', environment: 'e1' }
const contestant = {
  kind: 'contestant',
  scenario: 'drain',
  database: 'postgres',
  version: null,
  variant: 'best',
  guarantee: 'at least once',
  keepsHistory: false,
  unit: 'jobs/s',
  rounds: 5,
} as const

const figures: Figures = {
  environments: { e1: environment },
  results: [
    {
      kind: 'ratio',
      ...proven,
      syncsPerSecond: 5_000,
      line: {
        kind: 'ratio',
        scenario: 'drain',
        database: 'postgres',
        what: 'jobs drained',
        ours: 100,
        unit: 'jobs/s',
        against: { 'graphile-worker': 0.5 },
        rounds: 5,
        quick: true,
        scale: 1,
      },
      contestants: [
        { ...contestant, contestant: 'millrace', settings: 's', median: 100, lowest: 90, highest: 110 },
        {
          ...contestant,
          contestant: 'graphile-worker',
          version: '0.18.0',
          settings: 'a | b',
          median: 200,
          lowest: 150,
          highest: 210,
          detail: { p99: 4 },
        },
      ],
    },
    { kind: 'verdict', ...proven, line: { kind: 'verdict', database: 'sqlite', kills: 20, fullDisks: 3 } },
  ],
}

/** Cells of every row, without the blanks that align them. */
const rowsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.replaceAll(/ +/g, ' '))

test('a loss is told as plainly as a win', async () => {
  const rows = rowsOf(await page(figures, path))
  expect(rows).toContain('| PostgreSQL drain, one tenant | at least 1.8 × graphile-worker | 0.5 | **no** |')
  expect(rows).toContain('| millrace | 100 [90–110] | | not kept | at least once | s |')
  expect(rows).toContain(
    '| graphile-worker 0.18.0 | 200 [150–210], p99 4 | 0.5 | not kept | at least once | a \\| b |',
  )
})

test('every figure says of which commit, day and machine it is', async () => {
  const text = await page(figures, path)
  const [comparison, statement] = text.split('\n').filter((line) => line.includes('commit `abc`'))
  expect(comparison).toBe(
    'Jobs drained. 5 rounds of reduced size (`--quick`), 5000 syncs a second, commit `abc`, 2026-01-01, machine `e1`.',
  )
  expect(statement).toBe('SQLite, commit `abc`, 2026-01-01, machine `e1`:')
  expect(rowsOf(text)).toEqual(
    expect.arrayContaining(['| kills | 20 |', '| full disks | 3 |', '| peers | peer 1.2.3 |']),
  )
})
