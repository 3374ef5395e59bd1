import {
  committed,
  endedQueued,
  lost,
  retried,
  succeeded,
  type AttemptKey,
  type EntryOf,
  type Evidence,
  type Findings,
} from './evidence.ts'
import { asEnqueued } from './clean-history.ts'
import type { Entry } from './ledger.ts'
import { onRows, plant, type Plant } from './plant.ts'
import type { DoneRow, JobRow } from './rows.ts'
import { toolPlants } from './tool-plants.ts'
import { childrenOf, hasEffect, isBatch } from './work.ts'

const withEntries = (evidence: Evidence, ...more: Entry[]): Evidence => ({
  ...evidence,
  entries: [...evidence.entries, ...more].sort((a, b) => a.at - b.at),
})

const without = <T>(items: readonly T[], gone: (item: T) => boolean): T[] =>
  items.filter((item) => !gone(item))

const is = (key: AttemptKey) => (row: AttemptKey) =>
  row.job === key.job && row.seq === key.seq && row.attempt === key.attempt

/** The first start that can be changed so. */
function onStart(
  evidence: Evidence,
  change: (start: EntryOf<'start'>) => EntryOf<'start'> | null,
): Evidence | null {
  for (const entry of evidence.entries) {
    const other = entry.kind === 'start' ? change(entry) : null
    if (other !== null)
      return { ...evidence, entries: evidence.entries.map((one) => (one === entry ? other : one)) }
  }
  return null
}

/** As if it had never been. */
function withoutJob(evidence: Evidence, id: string): Evidence {
  const { jobs, done, effects } = evidence.rows
  return onRows(evidence, {
    jobs: without(jobs, (job) => job.id === id),
    done: without(done, ({ job }) => job === id),
    effects: without(effects, ({ job }) => job === id),
  })
}

function changed(evidence: Evidence, key: AttemptKey, change: Partial<DoneRow>): Evidence {
  const fits = is(key)
  return onRows(evidence, {
    done: evidence.rows.done.map((row) => (fits(row) ? { ...row, ...change } : row)),
  })
}

/** One whose absence nothing would explain. */
function acknowledgedJob({ calls, jobs, evidence }: Findings): JobRow | undefined {
  for (const { call, answer } of calls) {
    if (call.op !== 'enqueue' || answer?.kind !== 'ok' || answer.duplicate) continue
    const job = jobs.get(answer.jobs[0] ?? '')
    if (job !== undefined && !evidence.setting.prunable.has(job.id)) return job
  }
  return undefined
}

/** The first committed attempt, of a job that is there, that `fits`. */
function committedRow(
  findings: Findings,
  fits: (row: DoneRow, work: NonNullable<ReturnType<Findings['workOf']>>) => boolean,
): DoneRow | undefined {
  return findings.rows.done.find((row) => {
    const job = findings.jobs.get(row.job)
    const work = job && findings.workOf(job)
    return work !== undefined && work !== null && !isBatch(work) && committed(row) && fits(row, work)
  })
}

const withEffect = (findings: Findings): DoneRow | undefined =>
  committedRow(findings, (row, work) => row.seq === 0 && hasEffect(work, row.seq))

const startOf = (findings: Findings, row: DoneRow): EntryOf<'start'> | undefined =>
  findings.startsOfAttempt(row).find(({ start }) => start.lease === row.lease)?.start

const strange = '00000000-0000-7000-8000-000000000000'

/** One list for the checker's own test and for every run of the harness, which plants them into what it has just checked. */
export const plants: readonly Plant[] = [
  plant('I-1', 'an acknowledged job is lost', (evidence, findings) => {
    const job = acknowledgedJob(findings)
    return job === undefined ? null : withoutJob(evidence, job.id)
  }),
  plant('I-1', 'a ghost job', (evidence, findings) => {
    const [job] = findings.rows.jobs.filter(({ parent }) => parent === null)
    if (job === undefined) return null
    const ghost = { ...job, id: strange, payload: { ref: 'nobody', kind: 'plain', runMs: 0 } }
    return onRows(evidence, { jobs: [...evidence.rows.jobs, ghost] })
  }),
  plant('I-1', 'one enqueue made two jobs', (evidence, findings) => {
    const job = acknowledgedJob(findings)
    return job === undefined
      ? null
      : onRows(evidence, { jobs: [...evidence.rows.jobs, { ...job, id: strange }] })
  }),
  plant('I-1', 'a refused job is there', (evidence, findings) => {
    const job = acknowledgedJob(findings)
    if (job === undefined) return null
    const entries = evidence.entries.map((entry): Entry => {
      if (entry.kind !== 'ok' || !entry.jobs.includes(job.id)) return entry
      const { at, wall, process, call } = entry
      return { kind: 'fail', call, code: 'MILL_STORAGE_FULL', at, wall, process }
    })
    return { ...evidence, entries }
  }),
  plant('I-1', 'a transaction kept its row and lost its job', (evidence) =>
    onRows(evidence, { app: [...evidence.rows.app, 'half'] }),
  ),

  plant('I-2', 'an effect is doubled', (evidence, findings) => {
    const row = withEffect(findings)
    const effect = row && findings.effectsOf(row)[0]
    return effect === undefined ? null : onRows(evidence, { effects: [...evidence.rows.effects, effect] })
  }),
  plant('I-2', 'an effect is missing', (evidence, findings) => {
    const row = withEffect(findings)
    return row === undefined ? null : onRows(evidence, { effects: without(evidence.rows.effects, is(row)) })
  }),
  plant('I-2', 'a failed attempt left its effect', (evidence, findings) => {
    const row = findings.rows.done.find(({ outcome, seq }) => outcome === retried && seq === 0)
    const start = row && startOf(findings, row)
    if (row === undefined || start === undefined) return null
    const { job, seq, attempt } = row
    return onRows(evidence, {
      effects: [...evidence.rows.effects, { job, seq, attempt, token: start.token }],
    })
  }),
  plant('I-2', 'an effect of nobody', (evidence, findings) => {
    const row = withEffect(findings)
    if (row === undefined) return null
    const fits = is(row)
    return onRows(evidence, {
      effects: evidence.rows.effects.map((effect) =>
        fits(effect) ? { ...effect, token: 'stranger' } : effect,
      ),
    })
  }),

  plant('I-3', 'a commit under a stale lease', (evidence, findings) => {
    const row = withEffect(findings)
    const start = row && startOf(findings, row)
    if (start === undefined) return null
    return withEntries(evidence, { ...start, token: 'newer', lease: (start.lease ?? 0) + 1 })
  }),
  plant('I-3', 'leases do not rise', (evidence, findings) => {
    const row = findings.rows.done.find((done) => done.attempt > 1 && !endedQueued(done))
    return row === undefined ? null : changed(evidence, row, { lease: 1 })
  }),
  plant('I-3', 'an effect under another lease than its history', (evidence, findings) => {
    const row = withEffect(findings)
    const start = row && startOf(findings, row)
    if (row === undefined || start === undefined) return null
    const fits = is(row)
    const stale = withEntries(evidence, { ...start, token: 'stale', lease: (start.lease ?? 0) - 1 })
    return onRows(stale, {
      effects: evidence.rows.effects.map((effect) => (fits(effect) ? { ...effect, token: 'stale' } : effect)),
    })
  }),
  plant('I-3', 'a success that never ran', (evidence, findings) => {
    const row = committedRow(findings, () => true)
    if (row === undefined) return null
    const fits = is(row)
    return {
      ...evidence,
      entries: without(evidence.entries, (entry) => entry.kind === 'start' && fits(entry)),
    }
  }),

  plant('I-4', 'a job stands in two places', (evidence, findings) => {
    const row = findings.rows.done.find(({ seq }) => seq === 0)
    if (row === undefined) return null
    const place = { job: row.job, seq: 0, attempt: row.attempt }
    return onRows(evidence, {
      ready: [...evidence.rows.ready, place],
      waiting: [...evidence.rows.waiting, place],
    })
  }),
  plant('I-4', 'a job has ended and is queued', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq === 0)
    if (row === undefined) return null
    return onRows(evidence, {
      ready: [...evidence.rows.ready, { job: row.job, seq: 0, attempt: row.attempt + 1 }],
    })
  }),
  plant('I-4', 'a job stands nowhere', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq === 0)
    return row === undefined
      ? null
      : onRows(evidence, { done: without(evidence.rows.done, ({ job }) => job === row.job) })
  }),
  plant('I-4', 'a job moved to another tenant', (evidence, findings) => {
    const { jobs } = evidence.rows
    const moved = jobs.find((job) => findings.workOf(job)?.tenant !== undefined)
    if (moved === undefined) return null
    return onRows(evidence, { jobs: jobs.map((job) => (job === moved ? { ...job, tenant: 'other' } : job)) })
  }),
  plant('I-4', 'history without its job', (evidence, findings) => {
    const row = committedRow(findings, () => true)
    if (row === undefined) return null
    return onRows(evidence, { jobs: without(evidence.rows.jobs, ({ id }) => id === row.job) })
  }),

  plant('I-5', 'due work is left', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq === 0)
    if (row === undefined) return null
    const left = onRows(evidence, { done: without(evidence.rows.done, is(row)) })
    return onRows(left, { ready: [{ job: row.job, seq: row.seq, attempt: row.attempt }] })
  }),
  plant('I-5', 'a lease outlives everything', (evidence) =>
    onRows(evidence, { leases: [{ id: 999_999, worker: 1, members: [] }] }),
  ),
  plant('I-5', 'a slot is held for ever', (evidence) =>
    onRows(evidence, {
      leases: [{ id: 999_999, worker: 1, members: [] }],
      permits: [{ key: 1, lease: 999_999, n: 1 }],
    }),
  ),
  plant('I-5', 'the dead are relieved too late', (evidence, findings) => {
    const row = findings.rows.done.find((done) => {
      const start = startOf(findings, done)
      return done.outcome === lost && start !== undefined && findings.deaths.has(start.process)
    })
    if (row === undefined || evidence.setting.recoveryBoundMs === null) return null
    // Long after whoever could have done it was there.
    return changed(evidence, row, { finished: row.finished + 600_000 })
  }),

  plant('I-6', 'a job ends twice', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq === 0)
    if (row === undefined) return null
    const again = { ...row, attempt: row.attempt + 1, lease: row.lease + 1 }
    return onRows(evidence, { done: [...evidence.rows.done, again] })
  }),
  plant('I-6', 'an acknowledged end is not there', (evidence) => {
    const told = evidence.entries.find(
      (entry) => entry.kind === 'settled' && evidence.rows.jobs.some(({ id }) => id === entry.job),
    )
    return told?.kind === 'settled' ? onRows(evidence, { done: without(evidence.rows.done, is(told)) }) : null
  }),
  plant('I-6', 'an end that did not last', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq === 0)
    const last = evidence.entries.at(-1)
    if (row === undefined || last === undefined) return null
    const look = { kind: 'seen', job: row.job, wall: last.wall, process: 'watcher' } as const
    return withEntries(
      evidence,
      { ...look, status: 'Completed', from: last.at, at: last.at + 1 },
      { ...look, status: 'Processing', from: last.at + 2, at: last.at + 3 },
    )
  }),

  plant('I-7', 'a finalizer is missing', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq < 0)
    if (row === undefined) return null
    const gone = without(evidence.rows.done, ({ job, seq }) => job === row.job && seq === row.seq)
    return onRows(evidence, { done: gone })
  }),
  plant('I-7', 'a finalizer is doubled', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq < 0)
    if (row === undefined) return null
    const again = { ...row, attempt: row.attempt + 1, lease: row.lease + 1 }
    return onRows(evidence, { done: [...evidence.rows.done, again] })
  }),
  plant('I-7', 'a finalizer was told something else', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq < 0)
    if (row === undefined) return null
    const fits = is(row)
    const entries = evidence.entries.map((entry): Entry =>
      entry.kind === 'start' && fits(entry)
        ? { ...entry, told: { result: 'NOTHING', willRetry: false } }
        : entry,
    )
    return { ...evidence, entries }
  }),
  plant('I-7', 'lost, and nobody died', (evidence, findings) => {
    const row = committedRow(findings, (done) => {
      const start = startOf(findings, done)
      return done.seq === 0 && start !== undefined && findings.doubtedFrom(start) === Infinity
    })
    return row === undefined ? null : changed(evidence, row, { outcome: lost })
  }),
  plant('I-7', 'the retry did not wait for the finalizer', (evidence, findings) => {
    const row = findings.rows.done.find((done) => {
      const own = startOf(findings, done)
      const next = findings.startsOfAttempt({ job: done.job, seq: 0, attempt: -done.seq + 1 })
      return (
        done.seq < 0 &&
        done.outcome === succeeded &&
        next.length > 0 &&
        own !== undefined &&
        findings.doubtedFrom(own) > own.at
      )
    })
    const own = row && startOf(findings, row)
    const next = row && findings.startsOfAttempt({ job: row.job, seq: 0, attempt: -row.seq + 1 })[0]?.start
    if (own === undefined || next === undefined) return null
    const entries = evidence.entries.map((entry) =>
      entry.kind === 'start' && entry.token === next.token ? { ...entry, at: own.at - 1 } : entry,
    )
    return { ...evidence, entries }
  }),

  plant('I-8', 'an attempt is missing', (evidence, findings) => {
    const row = findings.rows.done.find(({ attempt }) => attempt > 1)
    return row === undefined ? null : changed(evidence, row, { attempt: row.attempt + 1 })
  }),
  plant('I-8', 'more attempts than the policy allows', (evidence, findings) => {
    const row = committedRow(findings, ({ seq, attempt }) => seq === 0 && attempt === 1)
    if (row === undefined) return null
    const more = [1, 2, 3, 4, 5].map((n) => ({
      ...row,
      outcome: retried,
      attempt: 1 + n,
      lease: row.lease + n,
    }))
    return onRows(evidence, { done: [...evidence.rows.done, ...more] })
  }),
  plant('I-8', 'an interruption was charged', (evidence, findings) => {
    if (evidence.setting.databaseFaults) return null
    const row = committedRow(findings, ({ seq }, { fails = 0 }) => seq === 0 && fails === 0)
    return row === undefined ? null : changed(evidence, row, { outcome: retried })
  }),

  plant('I-9', 'a child of an attempt that did not commit', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }, work) => childrenOf(work, seq) > 0)
    return row === undefined ? null : changed(evidence, row, { outcome: retried })
  }),
  plant('I-9', 'a child is missing', (evidence, findings) => {
    const child = findings.rows.jobs.find(
      ({ parent }) => parent !== null && findings.jobs.has(parent) && evidence.setting.prunable.size === 0,
    )
    return child === undefined ? null : withoutJob(evidence, child.id)
  }),

  plant('I-10', 'two holders of a key', (evidence, findings) => {
    const holder = findings.rows.jobs.find((job) => findings.workOf(job)?.unique !== undefined)
    if (holder === undefined) return null
    const rival = { ...holder, id: strange, created: (findings.endOf(holder.id)?.finished ?? 0) - 10 }
    const late = { ...holder, created: holder.created - 1_000 }
    return onRows(evidence, {
      jobs: [...without(evidence.rows.jobs, ({ id }) => id === holder.id), late, rival],
    })
  }),
  plant('I-10', 'a key whose holder had ended', (evidence, findings) => {
    const row = committedRow(findings, ({ seq }) => seq === 0)
    const last = evidence.entries.at(-1)
    if (row === undefined || last === undefined) return null
    const about = { call: 1, process: 'stranger', wall: row.finished + 1_000 }
    return withEntries(
      evidence,
      { ...about, kind: 'call', op: 'enqueue', works: [], at: last.at + 1 },
      { ...about, kind: 'ok', jobs: [row.job], duplicate: true, at: last.at + 2 },
    )
  }),
  plant('I-10', 'more than the limit ran at once', (evidence, findings) => {
    const run = findings.starts.find(
      ({ start, end }) =>
        end !== null &&
        end.at > start.at + 1 &&
        start.seq >= 0 &&
        start.work.limit !== undefined &&
        findings.doubtedFrom(start) > end.at,
    )
    if (run === undefined) return null
    const more = Array.from({ length: run.start.work.limit ?? 1 }, (_, n): Entry[] => {
      const token = `crowd ${n}`
      return [
        { ...run.start, token, job: `${strange}${n}`, process: 'crowd', at: run.start.at + 0.5 },
        {
          kind: 'end',
          token,
          how: 'returned',
          process: 'crowd',
          at: run.start.at + 0.9,
          wall: run.start.wall,
        },
      ]
    })
    return withEntries(evidence, ...more.flat())
  }),

  plant('I-14', 'a job starts early', (evidence, findings) => {
    const run = findings.starts.find(
      ({ start }) => (start.work.delayMs ?? start.work.runAt) !== undefined && findings.jobs.has(start.job),
    )
    if (run === undefined) return null
    const entries = evidence.entries.map((entry) =>
      entry.kind === 'start' && entry.token === run.start.token ? { ...entry, wall: 1_000 } : entry,
    )
    return { ...evidence, entries }
  }),
  plant('I-14', 'a job expires', (evidence, { rows }) => {
    const end = rows.done.find(({ outcome }) => outcome === 10)
    if (end === undefined) return null
    const done = rows.done.map((row) => (row === end ? { ...row, outcome: 14 } : row))
    return { ...evidence, rows: { ...rows, done } }
  }),
  plant('I-14', 'an aborted job runs', (evidence, findings) => {
    const row = findings.rows.done.find((done) => done.outcome === 12 && endedQueued(done))
    const work = row && findings.workOf(findings.jobs.get(row.job) ?? ({ payload: null } as JobRow))
    const last = evidence.entries.at(-1)
    if (row === undefined || !work || last === undefined) return null
    const { job, seq, attempt } = row
    const { at, wall } = last
    const start: Entry = {
      kind: 'start',
      token: 'risen',
      job,
      seq,
      attempt,
      lease: 1,
      work,
      ...asEnqueued(work),
      process: 'risen',
      at,
      wall,
    }
    return withEntries(evidence, start)
  }),

  plant('I-13', 'a handler runs as another tenant', (evidence) =>
    onStart(evidence, (start) => ({ ...start, tenant: 'mallory' })),
  ),
  plant('I-13', 'a list shows another tenant’s job', (evidence, { rows }) => {
    const [job] = rows.jobs
    const last = evidence.entries.at(-1)
    if (job === undefined || last === undefined) return null
    const { at, wall } = last
    const listed = { kind: 'listed', tenant: 'mallory', jobs: [job.id] } as const
    return withEntries(evidence, { ...listed, process: 'mallory', at, wall })
  }),
  plant('I-13', 'a job stands under another tenant', (evidence, { rows }) =>
    onRows(evidence, { jobs: rows.jobs.map((job, n) => (n === 0 ? { ...job, tenant: 'mallory' } : job)) }),
  ),

  plant('I-15', 'a value came out otherwise than it went in', (evidence) =>
    onStart(evidence, (start) => ({ ...start, intact: false })),
  ),
  plant('I-15', 'a field was lost', (evidence, findings) =>
    onStart(evidence, ({ work, ...start }) =>
      findings.callOf.has(work.ref) ? { ...start, work: { ...work, runMs: work.runMs + 1 } } : null,
    ),
  ),

  plant('I-17', 'an index misses a row', (evidence) =>
    onRows(evidence, { damage: ['row 17 missing from index done_pkey'] }),
  ),

  ...toolPlants,
]
