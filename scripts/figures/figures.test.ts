import { describe, expect, test } from 'vitest'
import type { ContestantLine, RatioLine } from '../../bench/src/report.ts'
import { keyOf, merge, parseLines, type Figures, type Recording, type StatementLine } from './figures.ts'

const machine = { cores: 2, memoryGiB: 24, node: 'v24.21.0', sqlite: '3.53.4' }
const first: Recording = { commit: 'aaa', date: '2026-01-01', environment: machine }
const later: Recording = { commit: 'bbb', date: '2026-02-01', environment: machine }
const nothing: Figures = { environments: {}, results: [] }

function ratio(change: Partial<RatioLine> = {}): RatioLine {
  return {
    kind: 'ratio',
    scenario: 'drain',
    database: 'postgres',
    what: 'jobs drained',
    ours: 1_000,
    unit: 'jobs/s',
    against: { peer: 2 },
    rounds: 5,
    quick: false,
    scale: 1,
    ...change,
  }
}

function contestant(change: Partial<ContestantLine> = {}): ContestantLine {
  return {
    kind: 'contestant',
    scenario: 'drain',
    database: 'postgres',
    contestant: 'peer',
    version: '1.0.0',
    variant: 'best',
    settings: '',
    guarantee: 'at least once',
    keepsHistory: false,
    unit: 'jobs/s',
    median: 500,
    lowest: 400,
    highest: 600,
    rounds: 5,
    ...change,
  }
}

const verdict = (change: Omit<StatementLine, 'kind'> = {}): StatementLine => ({
  kind: 'verdict',
  database: 'sqlite',
  kills: 20,
  violations: 0,
  ...change,
})

const told = ({ results }: Figures): string[] => results.map((result) => `${keyOf(result)} ${result.commit}`)

describe('what the tools print', () => {
  test('is read line by line; text around it is passed over', () => {
    expect(parseLines(`\n> repository@ bench\n> node\n\n${JSON.stringify(ratio())}\n`)).toEqual([ratio()])
  })

  test('is refused when it is cut off, of an unknown kind, or nothing', () => {
    expect(() => parseLines('{"kind":"ra')).toThrow(SyntaxError)
    expect(() => merge(nothing, [{ kind: 'guess' } as never], first)).toThrow('"guess"')
    expect(() => merge(nothing, [contestant()], first)).toThrow('no figures')
  })

  test('is refused when it only tried things out', () => {
    expect(() => merge(nothing, [ratio({ scale: 0.1 })], first)).toThrow('tried things out')
  })
})

describe('merging', () => {
  test('replaces figures of the same kind, scenario and database, and keeps all others', () => {
    const before = merge(
      nothing,
      [ratio(), ratio({ database: 'sqlite' }), ratio({ scenario: 'wal' }), verdict()],
      first,
    )
    const after = merge(before, [ratio({ ours: 7 }), verdict({ database: 'postgres' })], later)
    expect(told(after)).toEqual([
      'ratio/drain/postgres bbb',
      'ratio/drain/sqlite aaa',
      'ratio/wal/postgres aaa',
      'verdict//postgres bbb',
      'verdict//sqlite aaa',
    ])
    expect(after.results[0]?.line).toMatchObject({ ours: 7 })
  })

  test('keeps with each comparison its contestants, and no others', () => {
    const other = contestant({ database: 'sqlite', contestant: 'other' })
    const lines = [contestant(), ratio(), other, ratio({ database: 'sqlite' })]
    const { results } = merge(nothing, lines, first)
    expect(results.map((result) => result.kind === 'ratio' && result.contestants)).toEqual([
      [contestant()],
      [other],
    ])
  })

  test('keeps each environment once, while figures of it stand', () => {
    const environment = { kind: 'environment', ...machine, cores: 64, syncsPerSecond: 5_000 } as const
    const before = merge(nothing, [environment, ratio(), ratio({ scenario: 'wal' })], first)
    expect(Object.values(before.environments)).toEqual([{ ...machine, cores: 64 }])
    expect(before.results.map((result) => result.kind === 'ratio' && result.syncsPerSecond)).toEqual([
      5_000, 5_000,
    ])
    // One figure is measured anew elsewhere, then the other.
    const between = merge(before, [ratio()], later)
    expect(
      Object.values(between.environments)
        .map(({ cores }) => cores)
        .sort(),
    ).toEqual([2, 64])
    const after = merge(between, [ratio({ scenario: 'wal' })], later)
    expect(Object.values(after.environments)).toEqual([machine])
  })

  test('adds up statements of one recording, but takes the worst of what is a bound', () => {
    const runs = [
      verdict({ kills: 20, violations: 1, longestRecoveryMs: 900, seed: 1 }),
      verdict({ kills: 30, violations: 0, longestRecoveryMs: 400, seed: 2, freezes: 5 }),
    ]
    const { results } = merge(nothing, runs, first)
    expect(results.map(({ line }) => line)).toEqual([
      verdict({ kills: 50, violations: 1, longestRecoveryMs: 900, seed: 2, freezes: 5 }),
    ])
    expect(merge({ environments: {}, results }, [verdict({ kills: 3 })], later).results[0]?.line).toEqual(
      verdict({ kills: 3 }),
    )
  })
})
