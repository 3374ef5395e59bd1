import { expect, test } from 'vitest'
import { contestantLines, ratioLine, type Measured, type Reported } from './report.ts'

function contestant(name: string, peer: string | null = null) {
  return {
    contestant: {
      name,
      peer,
      variant: 'best',
      settings: `settings of ${name}`,
      guarantee: 'at least once',
      keepsHistory: false,
    },
  }
}

const scenario: Reported = {
  name: 'drain',
  database: 'postgres',
  what: 'jobs drained',
  unit: 'jobs/s',
  better: 'more',
  entries: [
    contestant('millrace'),
    contestant('peer', 'peer-package'),
    contestant('peer default', 'peer-package'),
  ],
}

const samples = new Map<string, Measured[]>([
  ['millrace', [{ value: 900 }, { value: 1_000 }, { value: 5_000 }]],
  ['peer', [{ value: 500 }, { value: 400 }, { value: 600 }]],
  [
    'peer default',
    [
      { value: 10, detail: { p99: 3 } },
      { value: 30, detail: { p99: 5 } },
    ],
  ],
])

test('a line per contestant: median, range, version and what it promises', () => {
  const lines = contestantLines(scenario, samples, { 'peer-package': '1.2.3' })
  expect(
    lines.map(({ contestant: name, median, lowest, highest, rounds }) => [
      name,
      median,
      lowest,
      highest,
      rounds,
    ]),
  ).toEqual([
    ['millrace', 1_000, 900, 5_000, 3],
    ['peer', 500, 400, 600, 3],
    ['peer default', 20, 10, 30, 2],
  ])
  expect(lines.map(({ version }) => version)).toEqual([null, '1.2.3', '1.2.3'])
  expect(lines[1]).toMatchObject({
    settings: 'settings of peer',
    guarantee: 'at least once',
    keepsHistory: false,
  })
  expect(lines.map(({ detail }) => detail)).toEqual([undefined, undefined, { p99: 4 }])
})

test('one line of ratios, ours against each other', () => {
  expect(ratioLine(scenario, samples, { quick: true, scale: 1 })).toEqual({
    kind: 'ratio',
    scenario: 'drain',
    database: 'postgres',
    what: 'jobs drained',
    ours: 1_000,
    unit: 'jobs/s',
    against: { peer: 2, 'peer default': 50 },
    rounds: 3,
    quick: true,
    scale: 1,
  })
})

test('where less is better, and where another contestant than millrace is ours', () => {
  const line = ratioLine({ ...scenario, better: 'less', ours: 'peer' }, samples, { quick: false, scale: 1 })
  expect(line.ours).toBe(500)
  expect(line.against).toEqual({ millrace: 2, 'peer default': 0.04 })
})

test('a contestant that was not measured is an error, not a gap', () => {
  expect(() => ratioLine(scenario, new Map([['peer', [{ value: 1 }]]]), { quick: false, scale: 1 })).toThrow(
    'millrace was not measured',
  )
})
