import { describe, expect, test } from 'vitest'
import type { Result } from '../../scripts/figures/figures.ts'
import { judge } from '../../scripts/figures/targets.ts'
import { contestantLines, ratioLine } from './report.ts'
import { chosen, fullName, scenarios } from './scenarios.ts'

const named = scenarios.map((scenario) => [fullName(scenario), scenario] as const)

test('every scenario has a name of its own', () => {
  expect(new Set(named.map(([name]) => name)).size).toBe(scenarios.length)
})

describe.for(named)('%s', ([, { entries, ours = 'millrace', size, quick }]) => {
  const names = entries.map(({ contestant }) => contestant.name)

  test('compares ours with others, each under a name of its own', () => {
    expect(names).toContain(ours)
    expect(names.length).toBeGreaterThan(1)
    expect(new Set(names).size).toBe(names.length)
  })

  test('is not larger with --quick', () => {
    expect(quick.jobs).toBeLessThanOrEqual(size.jobs)
    expect(quick.history).toBeLessThanOrEqual(size.history)
  })

  test('names a package only of peers, and says what each of them promises', () => {
    const peers = entries.flatMap(({ contestant: { name, peer } }) => (peer === null ? [] : [name]))
    expect(peers).not.toContain(ours)
    expect(
      entries.every(({ contestant: { guarantee, settings } }) => guarantee !== '' && settings !== ''),
    ).toBe(true)
  })
})

test('every target is measured by a scenario against a contestant that there is', () => {
  const results = scenarios.map((scenario) => {
    const sample = { value: 1, detail: { rssMb: 1 } }
    const samples = new Map(scenario.entries.map(({ contestant }) => [contestant.name, [sample]]))
    const line = ratioLine(scenario, samples, { quick: false, scale: 1 })
    return { kind: 'ratio', line, contestants: contestantLines(scenario, samples, {}) } as unknown as Result
  })
  const unmeasured = judge({ environments: {}, results }).filter(({ measured }) => measured === null)
  expect(unmeasured.map(({ what }) => what)).toEqual([
    'Torture: violations of an invariant',
    'Torture: planted defects that the checker missed',
    'Simulation: violations of an invariant',
  ])
})

test('a wish names a scenario, one of its databases, or the beginning of a full name', () => {
  const names = (...wishes: string[]): string[] => chosen(wishes).map(fullName)
  expect(names('drain')).toEqual(['drain-postgres', 'drain-sqlite'])
  expect(names('drain-tenants')).toEqual(['drain-tenants-postgres'])
  expect(names('wal', 'drain-sqlite')).toEqual(['drain-sqlite', 'wal-postgres'])
  expect(names('enqueue-')).toHaveLength(5)
  expect(names('nothing of the kind')).toEqual([])
  expect(names()).toHaveLength(scenarios.length)
})
