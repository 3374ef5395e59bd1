import type { JobDialect } from './job-dialect.ts'

/**
 * Jobs that have not ended, each once, as (job, lane, prio): those that stand in `ready` or `waiting` themselves, which takes no look at
 * jobs or history; and the others, of which there are few: in leases, with an open abort, or with nothing but a finalizer there (a retry
 * that is still behind it). `isProcessing`: only those that may be running, or go on with a next execution.
 */
export function standing(dialect: JobDialect, isProcessing: boolean): string {
  const { table } = dialect
  const held = `${dialect.inLeases} union select job from ${table('abort')}`
  const finalizers = `select x.job from ${table('ready')} x where x.seq < 0 and not ${isQueued(dialect, 'x')}
    union select x.job from ${table('waiting')} x where x.seq < 0 and not ${isQueued(dialect, 'x')}`
  const begun = isProcessing ? ` union select job from ${table('state')}` : ` union ${finalizers}`
  const others = `select o.job, j.lane, j.prio
    from (${held}${begun}) o${dialect.withJob('o.job')}
    where ${dialect.hasNoEnd('o.job')}`
  if (isProcessing) return others
  return `select r.job, r.lane, r.prio from ${table('ready')} r
    where r.seq >= 0 and r.job not in (${held}) and not exists (select 1 from ${table('ready')} x
      where x.lane = r.lane and x.prio = r.prio and x.job = r.job and x.seq >= 0 and x.seq < r.seq)
    union all select w.job, w.lane, w.prio from ${table('waiting')} w
    where w.seq >= 0 and w.job not in (${held})
      and not exists (select 1 from ${table('waiting')} x where x.job = w.job and x.seq >= 0 and x.seq < w.seq)
      and not exists (select 1 from ${table('ready')} x where x.lane = w.lane and x.prio = w.prio and x.job = w.job and x.seq >= 0)
    union all ${others}`
}

function isQueued({ table }: JobDialect, row: string): string {
  return `(exists (select 1 from ${table('ready')} q
      where q.lane = ${row}.lane and q.prio = ${row}.prio and q.job = ${row}.job and q.seq >= 0)
    or exists (select 1 from ${table('waiting')} q where q.job = ${row}.job and q.seq >= 0))`
}
