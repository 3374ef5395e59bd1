import { median, ratio, round } from './statistics.ts'

/** What a report needs to know of a scenario and its contestants. */
export interface Reported {
  readonly name: string
  readonly database: string
  readonly what: string
  readonly unit: string
  readonly better: 'more' | 'less'
  readonly ours?: string
  readonly entries: readonly {
    readonly contestant: {
      readonly name: string
      readonly peer: string | null
      readonly variant: string
      readonly settings: string
      readonly guarantee: string
      readonly keepsHistory: boolean
    }
  }[]
}

export interface Measured {
  readonly value: number
  readonly detail?: Readonly<Record<string, number>>
}

export interface ContestantLine {
  readonly kind: 'contestant'
  readonly scenario: string
  readonly database: string
  readonly contestant: string
  readonly version: string | null
  readonly variant: string
  readonly settings: string
  readonly guarantee: string
  readonly keepsHistory: boolean
  readonly unit: string
  readonly median: number
  readonly lowest: number
  readonly highest: number
  readonly rounds: number
  readonly detail?: Readonly<Record<string, number>>
}

export interface RatioLine {
  readonly kind: 'ratio'
  readonly scenario: string
  readonly database: string
  readonly what: string
  readonly ours: number
  readonly unit: string
  /** Above 1 ours is better. */
  readonly against: Readonly<Record<string, number>>
  readonly rounds: number
  readonly quick: boolean
  /** Below 1 the run only tried things out. */
  readonly scale: number
}

type Samples = ReadonlyMap<string, readonly Measured[]>

export function contestantLines(
  scenario: Reported,
  samples: Samples,
  versions: Readonly<Record<string, string>>,
): ContestantLine[] {
  return scenario.entries.map(({ contestant }) => {
    const measured = samplesOf(samples, contestant.name)
    const values = measured.map(({ value }) => value)
    const detail = detailOf(measured)
    return {
      kind: 'contestant',
      scenario: scenario.name,
      database: scenario.database,
      contestant: contestant.name,
      version: contestant.peer === null ? null : (versions[contestant.peer] ?? null),
      variant: contestant.variant,
      settings: contestant.settings,
      guarantee: contestant.guarantee,
      keepsHistory: contestant.keepsHistory,
      unit: scenario.unit,
      median: round(median(values)),
      lowest: round(Math.min(...values)),
      highest: round(Math.max(...values)),
      rounds: values.length,
      ...(detail !== null && { detail }),
    }
  })
}

export function ratioLine(
  scenario: Reported,
  samples: Samples,
  how: { quick: boolean; scale: number },
): RatioLine {
  const { name, database, what, unit, better, ours = 'millrace' } = scenario
  const middle = (contestant: string): number =>
    median(samplesOf(samples, contestant).map(({ value }) => value))
  const others = scenario.entries.map(({ contestant }) => contestant.name).filter((other) => other !== ours)
  return {
    kind: 'ratio',
    scenario: name,
    database,
    what,
    ours: round(middle(ours)),
    unit,
    against: Object.fromEntries(others.map((other) => [other, ratio(middle(ours), middle(other), better)])),
    rounds: samplesOf(samples, ours).length,
    ...how,
  }
}

function samplesOf(samples: Samples, contestant: string): readonly Measured[] {
  const found = samples.get(contestant)
  if (found === undefined) throw new Error(`${contestant} was not measured`)
  return found
}

/** Medians of the figures that every run of the contestant told. */
function detailOf(measured: readonly Measured[]): Record<string, number> | null {
  const names = Object.keys(measured[0]?.detail ?? {})
  if (names.length === 0) return null
  return Object.fromEntries(
    names.map((name) => [name, round(median(measured.map(({ detail }) => detail?.[name] ?? Number.NaN)))]),
  )
}
