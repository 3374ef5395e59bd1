import type { Comparison, Figures, Statement } from './figures.ts'

export interface Target {
  readonly what: string
  readonly unit: string
  readonly atLeast?: number
  readonly atMost?: number
  /** null: not measured yet. */
  readonly measure: (figures: Figures) => number | null
}

export interface Judged {
  readonly what: string
  readonly unit: string
  readonly wanted: string
  readonly measured: number | null
  readonly met: boolean | null
}

export function judge(figures: Figures): Judged[] {
  return targets.map(({ what, unit, atLeast, atMost, measure }) => {
    const measured = measure(figures)
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
    const met =
      measured === null ? null : measured >= (atLeast ?? -Infinity) && measured <= (atMost ?? Infinity)
    return { what, unit, wanted: bound, measured, met }
  })
}

type Database = 'postgres' | 'sqlite'

function comparison(figures: Figures, scenario: string, database: Database): Comparison | undefined {
  return figures.results.find(
    (result): result is Comparison =>
      result.kind === 'ratio' && result.line.scenario === scenario && result.line.database === database,
  )
}

/** How many times better ours is. */
const times =
  (scenario: string, database: Database, other: string) =>
  (figures: Figures): number | null =>
    comparison(figures, scenario, database)?.line.against[other] ?? null

/** How many times better another condition of ours is, where ours is measured in several. */
const timesOf =
  (scenario: string, database: Database, ours: string, other: string) =>
  (figures: Figures): number | null => {
    const against = comparison(figures, scenario, database)?.line.against
    const [all, one] = [against?.[other], against?.[ours]]
    return all === undefined || one === undefined ? null : Number((all / one).toPrecision(3))
  }

/** The least of several measures; null when one of them is. */
const least =
  (...measures: readonly Target['measure'][]) =>
  (figures: Figures): number | null => {
    const found = measures.map((measure) => measure(figures))
    return found.includes(null) ? null : Math.min(...(found as number[]))
  }

/** Ours as a share of theirs, where less is better. */
const shareOf =
  (scenario: string, database: Database, other: string) =>
  (figures: Figures): number | null => {
    const ratio = times(scenario, database, other)(figures)
    return ratio === null ? null : Number((1 / ratio).toPrecision(3))
  }

/** The most that a contestant had of it; a batch only over all its rows. */
function memoryOf(figures: Figures, scenario: string, database: Database, ours: string): number | null {
  const found = comparison(figures, scenario, database)
  if (scenario === 'batch-memory' && found?.line.quick === true) return null
  return found?.contestants.find(({ contestant }) => contestant === ours)?.detail?.['rssMb'] ?? null
}

/** Cost against a queue of 1,000 rows; the deepest queue only in its full depth. */
const cost =
  (database: Database, condition: string) =>
  (figures: Figures): number | null =>
    condition.startsWith('deepest') && comparison(figures, 'backlog', database)?.line.quick === true
      ? null
      : times('backlog', database, condition)(figures)

/** Sum of a field over the statements of a kind; null when there are none. */
const sumOf =
  (kind: Statement['kind'], sum: (line: Statement['line']) => number) =>
  (figures: Figures): number | null => {
    const found = figures.results.filter((result): result is Statement => result.kind === kind)
    return found.length === 0 ? null : found.reduce((total, { line }) => total + sum(line), 0)
  }

const count = (value: unknown): number => (typeof value === 'number' ? value : 0)

const graphile = 'graphile-worker'

/** What Millrace sets out to reach, and whether it does. */
const targets: readonly Target[] = [
  {
    what: 'PostgreSQL drain, 1,000 tenants, history behind',
    unit: '× graphile-worker',
    atLeast: 1.5,
    measure: times('drain-tenants', 'postgres', graphile),
  },
  {
    what: 'PostgreSQL drain, one tenant',
    unit: '× graphile-worker',
    atLeast: 1.8,
    measure: times('drain', 'postgres', graphile),
  },
  {
    what: 'SQLite FULL drain',
    unit: '× plainjob FULL',
    atLeast: 25,
    measure: times('drain', 'sqlite', 'plainjob FULL'),
  },
  {
    what: 'SQLite FULL drain',
    unit: '× plainjob NORMAL',
    atLeast: 6,
    measure: times('drain', 'sqlite', 'plainjob NORMAL'),
  },
  {
    what: 'PostgreSQL enqueue, 64 in flight',
    unit: '× graphile-worker',
    atLeast: 20,
    measure: times('enqueue-64', 'postgres', graphile),
  },
  {
    what: 'PostgreSQL enqueue, 64 in flight',
    unit: '× BullMQ, appendfsync always',
    atLeast: 1.5,
    measure: times('enqueue-64', 'postgres', 'bullmq'),
  },
  {
    what: 'SQLite FULL enqueue, 64 in flight',
    unit: '× plainjob FULL',
    atLeast: 8,
    measure: times('enqueue-64', 'sqlite', 'plainjob FULL'),
  },
  {
    what: 'PostgreSQL enqueue, one by one',
    unit: '× graphile-worker',
    atLeast: 3,
    measure: times('enqueue-one', 'postgres', graphile),
  },
  {
    what: 'SQLite FULL enqueue, one by one',
    unit: '× plainjob FULL',
    atLeast: 0.7,
    measure: times('enqueue-one', 'sqlite', 'plainjob FULL'),
  },
  {
    what: 'PostgreSQL enqueue in bulk',
    unit: '× graphile-worker',
    atLeast: 1.5,
    measure: times('enqueue-bulk', 'postgres', graphile),
  },
  {
    what: 'PostgreSQL latency, p50',
    unit: 'of that of graphile-worker',
    atMost: 0.75,
    measure: shareOf('latency', 'postgres', graphile),
  },
  {
    what: 'PostgreSQL latency, p50',
    unit: 'of that of BullMQ',
    atMost: 1.1,
    measure: shareOf('latency', 'postgres', 'bullmq'),
  },
  ...(['postgres', 'sqlite'] as const).flatMap((database) => [
    {
      what: `${name(database)} claim of 500 at 5,000,000 rows`,
      unit: '× that at 1,000 rows',
      atMost: 1.5,
      measure: cost(database, 'deepest'),
    },
    {
      what: `${name(database)} claim of 500 at 5,000,000 rows of 10,000 tenants`,
      unit: '× that at 1,000 rows',
      atMost: 2,
      measure: cost(database, 'deepest of 10,000 tenants'),
    },
  ]),
  {
    what: 'PostgreSQL claim of 500 under an old snapshot, after 200,000 claims',
    unit: '× that at 1,000 rows',
    atMost: 2,
    measure: cost('postgres', 'old snapshot'),
  },
  ...(['postgres', 'sqlite'] as const).map((database) => ({
    what: `${name(database)}, one user write per job, exactly once`,
    unit: 'of a bare loop of the same statements',
    atLeast: 0.65,
    measure: times('effect', database, 'bare loop'),
  })),
  {
    what: 'WAL per job, enqueue and drain',
    unit: 'of that of graphile-worker',
    atMost: 0.8,
    measure: shareOf('wal', 'postgres', graphile),
  },
  ...(['postgres', 'sqlite'] as const).map((database) => ({
    what: `${name(database)}, four worker processes on two cores`,
    unit: '× one process',
    atLeast: 1,
    measure: times('scale', database, '1 process'),
  })),
  ...(['postgres', 'sqlite'] as const).map((database) => ({
    what: `${name(database)}, records updated in chunks of 2,000`,
    unit: '× rows through Node by hand',
    atLeast: 0.6,
    measure: times('records', database, 'hand-written loop'),
  })),
  ...(['postgres', 'sqlite'] as const).map((database) => ({
    what: `${name(database)}, memory while 1,000,000 records are streamed`,
    unit: 'MB resident',
    atMost: 200,
    measure: (figures: Figures) => memoryOf(figures, 'records-stream', database, 'millrace'),
  })),
  ...(['postgres', 'sqlite'] as const).flatMap((database) => [
    {
      what: `${name(database)}, batch of scope 2,000 with ctx.sql`,
      unit: '× keyset loop by hand',
      atLeast: 0.8,
      measure: times('batch', database, 'range loop'),
    },
    {
      what: `${name(database)}, batch of scope 2,000 with records`,
      unit: '× rows through Node by hand',
      atLeast: 0.6,
      measure: timesOf('batch', database, 'millrace records', 'rows loop'),
    },
  ]),
  ...(['postgres', 'sqlite'] as const).flatMap((database) =>
    ['millrace records', 'millrace snapshot'].map((ours) => ({
      what: `${name(database)}, memory of a batch over 10,000,000 rows${ours.endsWith('snapshot') ? ', fixed at its start' : ''}`,
      unit: 'MB resident',
      atMost: 300,
      measure: (figures: Figures) => memoryOf(figures, 'batch-memory', database, ours),
    })),
  ),
  {
    what: 'PostgreSQL, batch of scope 2,000 with ctx.sql',
    unit: '× the faster of pg-boss and BullMQ with a job per 200 rows',
    atLeast: 1,
    measure: least(times('batch', 'postgres', 'pg-boss'), times('batch', 'postgres', 'bullmq')),
  },
  {
    what: 'PostgreSQL, batch of scope 2,000 with ctx.sql',
    unit: '× pg-boss at its stock settings with a job per 200 rows',
    atLeast: 10,
    measure: times('batch', 'postgres', 'pg-boss default'),
  },
  {
    what: 'Torture: violations of an invariant',
    unit: 'in all runs',
    atMost: 0,
    measure: sumOf('verdict', ({ violations }) => count(violations)),
  },
  {
    what: 'Torture: planted defects that the checker missed',
    unit: 'in all runs',
    atMost: 0,
    measure: sumOf('verdict', ({ planted, caught }) => count(planted) - count(caught)),
  },
  {
    what: 'Simulation: violations of an invariant',
    unit: 'in all seeds',
    atMost: 0,
    measure: sumOf('sim', ({ violations }) => count(violations)),
  },
]

function name(database: Database): string {
  return database === 'postgres' ? 'PostgreSQL' : 'SQLite FULL'
}
