import {
  committed,
  completed,
  completedWithErrors,
  failed,
  gaveUp,
  keyText,
  lost,
  retried,
  type Findings,
  type Start,
} from '../evidence.ts'
import type { Tally } from '../ledger.ts'
import type { DoneRow, JobRow } from '../rows.ts'
import { isBatch, type Work } from '../work.ts'
import type { Check, Invariant, Violation } from './violation.ts'

/**
 * Of batches: I-2, each record is applied once, by a run that committed, or set aside; finish ran once. I-4, counts and state of a batch
 * are those of its chunks. I-8, only chunks with a bad record fail.
 */
export const batches: Check = (findings) => {
  const jobs = findings.rows.jobs.filter((job) => {
    const work = findings.workOf(job)
    return work !== null && isBatch(work)
  })
  return jobs.length === 0 ? [] : new Batches(findings, jobs).violations
}

class Batches {
  readonly violations: Violation[] = []
  readonly #findings: Findings
  readonly #tokens: ReadonlyMap<string, Start>
  readonly #bad: ReadonlyMap<string, number>
  /** What each job applied, by what the records say. */
  readonly #applied = new Map<string, Tally>()

  constructor(findings: Findings, jobs: readonly JobRow[]) {
    this.#findings = findings
    this.#tokens = new Map(findings.starts.map((run) => [run.start.token, run]))
    this.#bad = new Map(
      findings.evidence.entries.flatMap((entry) =>
        entry.kind === 'chunk' ? [[entry.token, entry.bad] as const] : [],
      ),
    )
    this.#items()
    for (const job of jobs) {
      const work = findings.workOf(job) as Work
      this.#job(job)
      if (job.retryOf === null) this.#records(job, work)
      for (const row of findings.doneOf(job.id)) this.#attempt(row)
    }
    for (const entry of findings.evidence.entries) if (entry.kind === 'allApplied') this.#all(entry.job)
  }

  #items(): void {
    for (const { first, last, n, token } of this.#findings.rows.tools.items) {
      if (n === 0) continue
      const what = `items ${first} to ${last}`
      const run = this.#tokens.get(token ?? '')
      if (n > 1) this.#report('I-2', `${what} were applied ${n} times`, run?.start.job ?? null)
      if (run === undefined) {
        this.#report('I-2', `${what} were applied by ${String(token)}, which never ran`, null)
        continue
      }
      const { start } = run
      const row = this.#findings.done(start)
      if (row === undefined || !committed(row) || row.lease !== start.lease)
        this.#report('I-2', `${what} were applied by ${keyText(start)}, which has not committed`, start.job)
      const { after = 0, upTo = 0 } = start.work.items ?? {}
      if (first <= after || last > upTo)
        this.#report(
          'I-2',
          `${what} were applied by ${keyText(start)}, to which they do not belong`,
          start.job,
        )
      const { count, sum } = this.#appliedBy(start.job)
      const more = last - first + 1
      this.#applied.set(start.job, { count: count + more, sum: sum + ((first + last) * more) / 2 })
    }
  }

  /** A job by itself, be it the first or one that tries records again. */
  #job({ id, retryOf }: JobRow): void {
    const { rows } = this.#findings
    const end = this.#findings.endOf(id)
    const isThrough = end?.outcome === completed || end?.outcome === completedWithErrors
    const totals = rows.tools.totals.filter(({ job }) => job === id)
    if (totals.length !== (isThrough ? 1 : 0))
      this.#report('I-2', `finish of ${id} committed ${totals.length} times, not ${isThrough ? 1 : 0}`, id)
    if (!isThrough) return
    const applied = this.#appliedBy(id)
    for (const { token, count, sum } of totals) {
      const run = this.#tokens.get(token)
      if (run?.start.phase !== 'finish' || run.start.job !== id || run.start.lease !== end.lease)
        this.#report('I-2', `finish of ${id} was written by ${token}, which did not end it`, id)
      if (count !== applied.count || sum !== applied.sum)
        this.#report(
          'I-4',
          `finish of ${id} was given ${count} records with sum ${sum}; applied were ${applied.count} with ${applied.sum}`,
          id,
        )
    }
    const state = rows.tools.states.find(({ job }) => job === id)
    if (state === undefined) {
      this.#report('I-4', `${id} is through and has no state`, id)
      return
    }
    const differs = (what: string, is: number, due: number): void => {
      if (is !== due) this.#report('I-4', `${what} of ${id} is ${is}, not ${due}`, id)
    }
    const work = this.#findings.workOf(this.#findings.jobs.get(id) as JobRow)
    const { after = 0, upTo = 0 } = work?.items ?? {}
    differs('the number of records processed', state.processed, applied.count)
    differs('the number of records in all', state.total, state.processed + state.failed)
    if (retryOf === null) differs('the number of records at the start', state.total, upTo - after)
    differs('the number of chunks', state.chunks, this.#chunksOf(id))
    differs('the count in the state', state.count, applied.count)
    differs('the sum in the state', state.sum, applied.sum)
    if ((end.outcome === completedWithErrors) !== state.errors > 0 || state.errors > state.failed)
      this.#report('I-4', `${id} ended with ${state.errors} errors and ${state.failed} records set aside`, id)
  }

  /** What a batch and those who tried its records again left of them. */
  #records({ id }: JobRow, { items = { after: 0, upTo: 0 } }: Work): void {
    const { rows } = this.#findings
    const outcome = this.#findings.endOf(id)?.outcome
    if (outcome !== completed && outcome !== completedWithErrors) return
    const left = this.#leftOf(items)
    const asides = rows.tools.asides.filter(({ job }) => job === id)
    const aside = asides.reduce((sum, { count }) => sum + count, 0)
    if (left !== aside)
      this.#report('I-2', `${left} records of ${id} were not applied, and ${aside} are set aside`, id)
  }

  #attempt(row: DoneRow): void {
    const { failures, done } = this.#findings.rows
    const { databaseFaults, maxDeaths } = this.#findings.evidence.setting
    const runs = this.#findings.startsOfAttempt(row).filter(({ start }) => start.lease === row.lease)
    const bad = Math.max(0, ...runs.map(({ start }) => this.#bad.get(start.token) ?? 0))
    if (committed(row) && bad > 0)
      this.#report('I-2', `${keyText(row)} committed a chunk with ${bad} bad records`, row.job)
    const isFailure = row.outcome === retried || row.outcome === gaveUp || row.outcome === failed
    if (!isFailure || bad > 0 || databaseFaults) return
    const why = failures.find(
      ({ job, seq, attempt }) => job === row.job && seq === row.seq && attempt === row.attempt,
    )
    const deaths = done.filter(
      ({ job, seq, outcome }) => job === row.job && seq === row.seq && outcome === lost,
    ).length
    if (row.outcome === gaveUp && why?.code === 'MILL_PARKED' && deaths + 1 >= maxDeaths) return
    // The machine stood still while its transaction was open.
    if (
      /idle-in-transaction|MILL_WRITE_TIMEOUT|MILL_STORAGE_UNAVAILABLE/.test(`${why?.code} ${why?.message}`)
    )
      return
    this.#report('I-8', `${keyText(row)} failed without a bad record: ${why?.message ?? 'no error'}`, row.job)
  }

  #all(job: string): void {
    const row = this.#findings.jobs.get(job)
    const items = row && this.#findings.workOf(row)?.items
    const left = items === undefined ? 0 : this.#leftOf(items)
    if (left > 0)
      this.#report(
        'I-2',
        `nothing of ${job} was said to be set aside, and ${left} records were not applied`,
        job,
      )
  }

  #leftOf({ after, upTo }: NonNullable<Work['items']>): number {
    let left = 0
    for (const { first, last, n } of this.#findings.rows.tools.items)
      if (n === 0) left += Math.max(0, Math.min(last, upTo) - Math.max(first, after + 1) + 1)
    return left
  }

  #chunksOf(job: string): number {
    return this.#findings
      .doneOf(job)
      .filter(
        (row) =>
          committed(row) &&
          this.#findings
            .startsOfAttempt(row)
            .some(({ start }) => start.lease === row.lease && start.phase === 'execute'),
      ).length
  }

  #appliedBy(job: string): Tally {
    return this.#applied.get(job) ?? { count: 0, sum: 0 }
  }

  #report(invariant: Invariant, message: string, job: string | null): void {
    this.violations.push({ invariant, message, job })
  }
}
