import type { Contestant, Place } from './contestant.ts'

export interface Size {
  readonly jobs: number
  readonly tenants: number
  /** Ended jobs that stand in the history before the run. */
  readonly history: number
}

export interface Sample {
  readonly value: number
  /** Other figures of the run, by name; medians of them are told. */
  readonly detail?: Readonly<Record<string, number>>
}

/** A contestant of a scenario. `share` of the jobs are enough for those that are slow. */
export interface Entry {
  readonly contestant: Contestant
  readonly share?: number
}

export interface Run {
  readonly contestant: Contestant
  readonly place: Place
  readonly size: Size
}

export interface Scenario {
  readonly name: string
  readonly database: 'postgres' | 'sqlite'
  readonly what: string
  readonly unit: string
  readonly better: 'more' | 'less'
  readonly entries: readonly Entry[]
  readonly size: Size
  /** With --quick. */
  readonly quick: Size
  /** Contestant `millrace` against the rest, unless the scenario compares conditions of ours. */
  readonly ours?: string
  run(run: Run): Promise<Sample>
}

export function size(jobs: number, tenants = 1, history = 0): Size {
  return { jobs, tenants, history }
}
