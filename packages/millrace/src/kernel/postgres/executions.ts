import type { EndedAttempt } from '../rules/decision.ts'
import type { ExecutionKey, WorkerId } from '../rules/execution.ts'
import { outcomes, type Outcome, type StoredError } from '../rules/outcome.ts'
import type { Executions } from '../storage/executions.ts'
import { abort, sweepAborts } from './abort.ts'
import { claim, claimGated } from './claim.ts'
import type { Database } from './database.ts'
import { finalizedBy } from './probes.ts'
import { handBack, handBackLease } from './hand-back.ts'
import { settle, settled } from './settle.ts'
import { plain, statement } from './statement.ts'

const leasesOfWorker = statement('leases', 'select id from millrace.lease where worker = $worker order by id')

const endedAttempts = statement(
  'ended',
  `select a.place::int, d.outcome, d.ms, f.error,
     (select count(*)::int from millrace.done e
      where (e.job, e.seq) = (d.job, d.seq) and e.attempt <= d.attempt
        and e.outcome in (${outcomes.lost}, ${outcomes.parked})) as deaths
   from unnest($jobs::uuid[], $seqs::int[], $attempts::int[]) with ordinality as a (job, seq, attempt, place)
   cross join lateral (${finalizedBy('a.job', 'a.seq', 'a.attempt')}) d
   left join millrace.failure f on (f.job, f.seq, f.attempt) = (d.job, d.seq, d.attempt)`,
)

interface EndedRow {
  readonly place: number
  readonly outcome: Outcome
  readonly ms: number
  readonly error: StoredError | null
  readonly deaths: number
}

export function executions(db: Database): Executions {
  return {
    claim: (params) => claim(db, params),
    claimGated: (params, admit) => claimGated(db, params, admit),
    settle: (decisions, marks) => settle(db, decisions, marks),
    settled: (decisions) => settled(db, decisions),
    handBack: (rows) => handBack(db, rows),
    leases: (worker) => leasesOf(db, worker),
    handBackLease: (worker, lease) => handBackLease(db, worker, lease),
    ended: (attempts) => ended(db, attempts),
    abort: (job) => abort(db, job),
    sweepAborts: () => sweepAborts(db),
  }
}

export async function leasesOf(db: Database, worker: WorkerId): Promise<readonly number[]> {
  return (await db.hot.run<{ id: number }>(leasesOfWorker, { worker })).rows.map((row) => row.id)
}

async function ended(
  db: Database,
  attempts: readonly ExecutionKey[],
): Promise<readonly (EndedAttempt | null)[]> {
  if (attempts.length === 0) return []
  const { rows } = await db.hot.run<EndedRow>(endedAttempts, {
    jobs: plain(attempts.map(({ job }) => job)),
    seqs: plain(attempts.map(({ seq }) => seq)),
    attempts: plain(attempts.map(({ attempt }) => attempt)),
  })
  const byPlace = new Map(rows.map(({ place, ...row }) => [place - 1, row]))
  return attempts.map((_, place) => byPlace.get(place) ?? null)
}
