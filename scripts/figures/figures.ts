import { createHash } from 'node:crypto'
import type { ContestantLine, RatioLine } from '../../bench/src/report.ts'

/** The machine and the versions of a measurement. */
export interface Environment {
  readonly cores: number
  readonly cpu?: string
  readonly memoryGiB: number
  readonly node: string
  readonly sqlite: string
  readonly postgres?: Readonly<Record<string, string>> | null
  readonly redis?: string | null
  /** Versions, by package. */
  readonly peers?: Readonly<Record<string, string>>
}

interface Proven {
  readonly commit: string
  /** yyyy-mm-dd */
  readonly date: string
  /** Key of `environments`. */
  readonly environment: string
}

/** Ours against others in one scenario on one database. */
export interface Comparison extends Proven {
  readonly kind: 'ratio'
  readonly line: RatioLine
  readonly contestants: readonly ContestantLine[]
  /** Syncs a second that the disk gave at the time. */
  readonly syncsPerSecond: number | null
}

/** What torture, simulation and the fairness measurement say of themselves. */
export interface Statement extends Proven {
  readonly kind: 'verdict' | 'sim' | 'fairness'
  readonly line: StatementLine
}

export interface StatementLine {
  readonly kind: 'verdict' | 'sim' | 'fairness'
  readonly scenario?: string
  readonly database?: string
  readonly [field: string]: unknown
}

export type Result = Comparison | Statement

/** The file figures/figures.json. */
export interface Figures {
  readonly environments: Readonly<Record<string, Environment>>
  readonly results: readonly Result[]
}

/** Of a recording: what its lines do not say themselves. */
export interface Recording {
  readonly commit: string
  readonly date: string
  /** Where the lines bring none. */
  readonly environment: Environment
}

type Line = { readonly kind: 'environment' } | ContestantLine | RatioLine | StatementLine

/** What the tools printed with --json; text around it, such as npm's, is passed over. */
export function parseLines(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
}

/**
 * The figures with those of the lines in place of older ones of the same kind, scenario and database; everything else
 * stays. Statements of one kind, scenario and database within one recording are added up. Throws on lines that
 * cannot be told from others, or that only tried things out.
 */
export function merge(figures: Figures, lines: readonly Line[], recording: Recording): Figures {
  const read = new Reading(recording)
  for (const line of lines) read.add(line)
  const fresh = read.results
  if (fresh.length === 0) throw new Error('there are no figures in what was given')
  const replaced = new Set(fresh.map(keyOf))
  const results = [...figures.results.filter((result) => !replaced.has(keyOf(result))), ...fresh]
  results.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const known = { ...figures.environments, ...read.environments }
  const used = [...new Set(results.map(({ environment }) => environment))].sort()
  return {
    environments: Object.fromEntries(used.map((key) => [key, known[key] as Environment])),
    results,
  }
}

export function keyOf({ kind, line }: Pick<Result, 'kind' | 'line'>): string {
  return [kind, line.scenario ?? '', line.database ?? ''].join('/')
}

class Reading {
  readonly environments: Record<string, Environment> = {}
  readonly #recording: Recording
  readonly #results = new Map<string, Result>()
  #environment: Environment
  #syncsPerSecond: number | null = null
  #contestants: ContestantLine[] = []

  constructor(recording: Recording) {
    this.#recording = recording
    this.#environment = recording.environment
  }

  get results(): Result[] {
    return [...this.#results.values()]
  }

  add(line: Line): void {
    switch (line.kind) {
      case 'environment': {
        const { kind: _, syncsPerSecond, ...environment } = line as unknown as EnvironmentLine
        this.#environment = environment
        this.#syncsPerSecond = syncsPerSecond
        return
      }
      case 'contestant':
        this.#contestants.push(line)
        return
      case 'ratio':
        this.#keep(this.#comparison(line))
        return
      case 'verdict':
      case 'sim':
      case 'fairness':
        this.#keep(this.#statement(line))
        return
      default:
        throw new Error(`figures of kind ${JSON.stringify((line as { kind: unknown }).kind)} are not known`)
    }
  }

  #comparison(line: RatioLine): Comparison {
    if (line.scale !== 1) throw new Error(`${line.scenario} only tried things out (--scale ${line.scale})`)
    const contestants = this.#contestants.filter(
      ({ scenario, database }) => scenario === line.scenario && database === line.database,
    )
    return {
      kind: 'ratio',
      ...this.#proven(),
      syncsPerSecond: this.#syncsPerSecond,
      line,
      contestants,
    }
  }

  #statement(line: StatementLine): Statement {
    const earlier = this.#results.get(keyOf({ kind: line.kind, line }))
    const sum = earlier === undefined ? line : addUp(earlier.line as StatementLine, line)
    return { kind: line.kind, ...this.#proven(), line: sum }
  }

  #proven(): Proven {
    const key = createHash('sha256').update(JSON.stringify(this.#environment)).digest('hex').slice(0, 8)
    this.environments[key] = this.#environment
    return { commit: this.#recording.commit, date: this.#recording.date, environment: key }
  }

  #keep(result: Result): void {
    this.#results.set(keyOf(result), result)
  }
}

interface EnvironmentLine extends Environment {
  readonly kind: 'environment'
  readonly syncsPerSecond: number
}

/** What does not add up, but has a worst. */
const worst = /^(longest|worst|max)/
/** What only says how a run was set up. */
const setting = /^(seed|workers)$/

function addUp(one: StatementLine, other: StatementLine): StatementLine {
  const sum: Record<string, unknown> = { ...one }
  for (const [field, value] of Object.entries(other)) {
    const before = one[field]
    if (typeof value !== 'number' || typeof before !== 'number' || setting.test(field)) sum[field] = value
    else sum[field] = worst.test(field) ? Math.max(before, value) : before + value
  }
  return sum as StatementLine
}
