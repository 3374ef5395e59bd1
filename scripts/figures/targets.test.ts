import { expect, test } from 'vitest'
import type { RatioLine } from '../../bench/src/report.ts'
import type { Figures, Result } from './figures.ts'
import { judge } from './targets.ts'

function figures(...results: readonly object[]): Figures {
  return { environments: {}, results: results as readonly Result[] }
}

function ratio(scenario: string, database: string, against: RatioLine['against'], quick = false): object {
  return { kind: 'ratio', line: { scenario, database, against, quick } }
}

const met = (given: Figures): [string, number | null, boolean | null][] =>
  judge(given)
    .filter(({ measured }) => measured !== null)
    .map(({ what, measured, met: reached }) => [what, measured, reached])

test('without figures nothing is measured, and nothing met', () => {
  expect(judge(figures()).every(({ measured, met: reached }) => measured === null && reached === null)).toBe(
    true,
  )
})

test('a bound is met at its very value and missed beyond', () => {
  const drain = (against: number) => met(figures(ratio('drain', 'postgres', { 'graphile-worker': against })))
  expect(drain(1.8)).toEqual([['PostgreSQL drain, one tenant', 1.8, true]])
  expect(drain(1.79)).toEqual([['PostgreSQL drain, one tenant', 1.79, false]])
})

test('figures of one database do not stand for the other', () => {
  expect(met(figures(ratio('drain', 'sqlite', { 'graphile-worker': 9 })))).toEqual([])
})

test('where less is better the share of ours in theirs is judged', () => {
  const latency = (against: number) =>
    met(figures(ratio('latency', 'postgres', { 'graphile-worker': against })))
  expect(latency(1.6)).toEqual([['PostgreSQL latency, p50', 0.625, true]])
  expect(latency(1.25)).toEqual([['PostgreSQL latency, p50', 0.8, false]])
})

test('the deepest queue counts only in its full depth', () => {
  const against = { deepest: 1.4, 'old snapshot': 2.5 }
  const [deep, snapshot] = [
    ['PostgreSQL claim of 500 at 5,000,000 rows', 1.4, true],
    ['PostgreSQL claim of 500 under an old snapshot, after 200,000 claims', 2.5, false],
  ]
  expect(met(figures(ratio('backlog', 'postgres', against)))).toEqual([deep, snapshot])
  expect(met(figures(ratio('backlog', 'postgres', against, true)))).toEqual([snapshot])
})

test('one violation, or one planted defect that was missed, in any run is told', () => {
  const run = (line: object): object => ({ kind: 'verdict', line })
  expect(
    met(
      figures(run({ violations: 0, planted: 9, caught: 9 }), run({ violations: 1, planted: 9, caught: 8 })),
    ),
  ).toEqual([
    ['Torture: violations of an invariant', 1, false],
    ['Torture: planted defects that the checker missed', 1, false],
  ])
})
