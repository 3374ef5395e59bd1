import { completed, completedWithErrors, type Evidence, type Findings } from './evidence.ts'
import type { Entry } from './ledger.ts'
import { onRows, plant, type Plant } from './plant.ts'
import type { JobRow } from './rows.ts'
import type { FireRow, ToolRows } from './tool-rows.ts'
import { isBatch, isWork } from './work.ts'

const onTools = (evidence: Evidence, change: Partial<ToolRows>): Evidence =>
  onRows(evidence, { tools: { ...evidence.rows.tools, ...change } })

/** With the first one that fits changed; null: there is none. */
function changing<K extends keyof ToolRows>(
  evidence: Evidence,
  table: K,
  fits: (row: ToolRows[K][number]) => boolean,
  change: (row: ToolRows[K][number]) => readonly ToolRows[K][number][],
): Evidence | null {
  const rows: readonly ToolRows[K][number][] = evidence.rows.tools[table]
  const place = rows.findIndex(fits)
  const row = rows[place]
  if (row === undefined) return null
  const others = [...rows.slice(0, place), ...change(row), ...rows.slice(place + 1)]
  return onTools(evidence, { [table]: others })
}

const isApplied = ({ n }: ToolRows['items'][number]): boolean => n === 1

/** The first batch that has come to an end of its own. */
const ended = (findings: Findings): JobRow | undefined =>
  findings.rows.jobs.find(
    (job) =>
      job.retryOf === null &&
      isWork(job.payload) &&
      isBatch(job.payload) &&
      ends.includes(findings.endOf(job.id)?.outcome ?? 0),
  )

const ends = [completed, completedWithErrors]

const fired = ({ state }: FireRow): boolean => state === 'fired'

/** Defects of batches and schedules. */
export const toolPlants: readonly Plant[] = [
  plant('I-2', 'records are applied twice', (evidence) =>
    changing(evidence, 'items', isApplied, (run) => [{ ...run, n: 2 }]),
  ),
  plant('I-2', 'records are passed over', (evidence) =>
    changing(evidence, 'items', isApplied, (run) => [{ ...run, n: 0, token: null }]),
  ),
  plant('I-2', 'records are applied by a run that failed', (evidence, findings) => {
    const bad = evidence.entries.find((entry) => entry.kind === 'chunk' && entry.bad > 0)
    if (bad?.kind !== 'chunk') return null
    const job = findings.starts.find(({ start }) => start.token === bad.token)?.start
    const { after = 0, upTo = 0 } = job?.work.items ?? {}
    const fits = (run: ToolRows['items'][number]): boolean =>
      isApplied(run) && run.first > after && run.last <= upTo
    return changing(evidence, 'items', fits, (run) => [{ ...run, token: bad.token }])
  }),
  plant('I-2', 'records of another batch are applied', (evidence) =>
    changing(evidence, 'items', isApplied, (run) => [run, { ...run, first: 900_000, last: 900_001 }]),
  ),
  plant('I-2', 'a chunk with a bad record is committed', (evidence, findings) => {
    const good = evidence.entries.find((entry) => {
      const run = entry.kind === 'chunk' && findings.starts.find(({ start }) => start.token === entry.token)
      const row = run ? findings.done(run.start) : undefined
      return row?.outcome === 1 && run !== false && row.lease === run?.start.lease
    })
    if (good === undefined) return null
    const entries = evidence.entries.map((entry): Entry =>
      entry === good && entry.kind === 'chunk' ? { ...entry, bad: 1 } : entry,
    )
    return { ...evidence, entries }
  }),
  plant('I-2', 'finish runs twice', (evidence) =>
    changing(
      evidence,
      'totals',
      () => true,
      (row) => [row, row],
    ),
  ),
  plant('I-2', 'finish never ran', (evidence) =>
    changing(
      evidence,
      'totals',
      () => true,
      () => [],
    ),
  ),
  plant('I-2', 'records that are set aside are forgotten', (evidence, findings) => {
    const job = ended(findings)
    return job === undefined
      ? null
      : onTools(evidence, {
          asides: [...evidence.rows.tools.asides, { job: job.id, number: 0, count: 1, by: null }],
        })
  }),
  plant('I-4', 'the state lost a chunk', (evidence) =>
    changing(
      evidence,
      'totals',
      ({ count }) => count > 0,
      (row) => [{ ...row, sum: row.sum - 1 }],
    ),
  ),
  plant('I-4', 'the state is not what its chunk left', (evidence, findings) =>
    changing(evidence, 'states', through(findings), (row) => [{ ...row, count: row.count + 1 }]),
  ),
  plant('I-4', 'progress counts a chunk too many', (evidence, findings) =>
    changing(evidence, 'states', through(findings), (row) => [{ ...row, chunks: row.chunks + 1 }]),
  ),
  plant('I-4', 'progress counts records that were not applied', (evidence, findings) =>
    changing(evidence, 'states', through(findings), (row) => [
      { ...row, processed: row.processed + 1, total: row.total + 1 },
    ]),
  ),
  plant('I-4', 'records of the start got lost', (evidence, findings) =>
    changing(evidence, 'states', through(findings), (row) => [{ ...row, total: row.total + 1 }]),
  ),
  plant('I-4', 'errors are not told of', (evidence) =>
    changing(
      evidence,
      'states',
      ({ errors }) => errors > 0,
      (row) => [{ ...row, errors: 0 }],
    ),
  ),
  plant('I-8', 'a chunk fails without a bad record', (evidence, findings) => {
    if (evidence.setting.databaseFaults) return null
    const entries = evidence.entries.map((entry): Entry =>
      entry.kind === 'chunk' ? { ...entry, bad: 0 } : entry,
    )
    const failed = findings.rows.failures.some(({ message }) => message.includes('bad records'))
    return failed ? { ...evidence, entries } : null
  }),

  plant('I-11', 'a fire is lost', (evidence) => changing(evidence, 'fires', fired, () => [])),
  plant('I-11', 'a fire started two jobs', (evidence) => {
    const job = evidence.rows.jobs.find(({ fire }) => fire !== null)
    return job === undefined
      ? null
      : onRows(evidence, { jobs: [...evidence.rows.jobs, { ...job, id: `${job.id} again` }] })
  }),
  plant('I-11', 'a fire has no job', (evidence) => {
    const job = evidence.rows.jobs.find(({ fire }) => fire !== null)
    return job === undefined
      ? null
      : onRows(evidence, { jobs: evidence.rows.jobs.filter(({ id }) => id !== job.id) })
  }),
  plant('I-11', 'a fire at no time of its schedule', (evidence) =>
    changing(evidence, 'fires', fired, (fire) => [fire, { ...fire, due: fire.due + 500 }]),
  ),
  plant('I-11', 'a fire still waits', (evidence) =>
    changing(evidence, 'fires', fired, (fire) => [{ ...fire, state: 'queued', job: null }]),
  ),
  plant('I-11', 'a fire is skipped for nothing', (evidence) => {
    const alone = evidence.entries.find((entry) => entry.kind === 'scheduled' && entry.overlap === 'skip')
    if (alone?.kind !== 'scheduled') return null
    const first = (fire: FireRow): boolean => fire.schedule === alone.id && fired(fire)
    return changing(evidence, 'fires', first, (fire) => [{ ...fire, state: 'skipped', job: null, at: 1_000 }])
  }),
  plant('I-11', 'a missed fire is made up for against its policy', (evidence) =>
    changing(
      evidence,
      'fires',
      ({ state, n }) => state === 'missed' && n > 1,
      (missed) => {
        const asked = evidence.entries.find(
          (entry) => entry.kind === 'scheduled' && entry.id === missed.schedule,
        )
        const due = missed.due + (asked?.kind === 'scheduled' ? asked.everyMs : 0)
        return [missed, { ...missed, due, state: 'fired', n: 1 }]
      },
    ),
  ),
  plant('I-11', 'missed fires are not counted', (evidence) =>
    changing(
      evidence,
      'fires',
      ({ state }) => state === 'missed',
      (fire) => [{ ...fire, n: fire.n + 1 }],
    ),
  ),
  plant('I-11', 'a schedule does not come to its time', (evidence) => {
    const entries = evidence.entries.map((entry): Entry =>
      entry.kind === 'unscheduled' ? { ...entry, upTo: entry.upTo + 3_600_000 } : entry,
    )
    return entries.some(({ kind }) => kind === 'unscheduled') ? { ...evidence, entries } : null
  }),
]

function through(findings: Findings): (row: { readonly job: string }) => boolean {
  const job = ended(findings)
  return (row) => row.job === job?.id
}
