import { outcomes } from '../rules/outcome.ts'
import type { AttemptRecord, History, JobEnd } from '../storage/history.ts'
import type { Database } from './database.ts'
import { countJobs } from './job-counts.ts'
import { laneFilter, listJobs } from './job-list.ts'
import { readJobs } from './job-record.ts'
import { lanes as laneStore } from './lanes.ts'
import { prune } from './prune.ts'
import { plain, statement } from './statement.ts'

const attemptsOfJob = statement(
  'attempts',
  `select d.seq, d.attempt, d.outcome, d.ms, d.lease, f.error,
     (extract(epoch from d.finished) * 1000)::float8 as "finishedAt",
     (select count(*)::int from millrace.done e
      where (e.job, e.seq) = (d.job, d.seq) and e.attempt <= d.attempt
        and e.outcome in (${outcomes.lost}, ${outcomes.parked})) as deaths
   from millrace.done d
   left join millrace.failure f on (f.job, f.seq, f.attempt) = (d.job, d.seq, d.attempt)
   where d.job = $job
   order by d.finished, d.seq < 0, abs(d.seq), d.attempt`,
)

const endsOfJobs = statement(
  'ends',
  `select d.job, d.outcome, f.error, (select value from millrace.result where result.job = d.job) as result
   from unnest($ids::uuid[]) as wanted (id)
   cross join lateral (
     select job, seq, attempt, outcome from millrace.done
     where done.job = wanted.id and seq >= 0 and outcome >= 10
     order by seq desc, attempt desc limit 1) as d
   left join millrace.failure f on (f.job, f.seq, f.attempt) = (d.job, d.seq, d.attempt)`,
)

export function history(db: Database): History {
  const lanes = laneStore(db)
  return {
    jobs: (ids) => readJobs(db.background, ids),

    async attempts(job) {
      return (await db.background.run<AttemptRecord>(attemptsOfJob, { job })).rows
    },

    async ends(ids) {
      if (ids.length === 0) return []
      return (await db.background.run<JobEnd>(endsOfJobs, { ids: plain(ids) })).rows
    },

    list: (filter, page) => listJobs(db.background, lanes, filter, page),

    counts: async (filter) => countJobs(db.background, await laneFilter(lanes, filter)),

    prune: (params) => prune(db, params),
  }
}
