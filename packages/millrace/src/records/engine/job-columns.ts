import { waitReasons } from '../../kernel/rules/decision.ts'
import { endOf, type JobBase } from './job-base.ts'
import type { JobDialect } from './job-dialect.ts'
import { endAs, waitAs } from './status-sql.ts'

export interface JobColumn {
  readonly sql: string
  /** It reads `j`. */
  readonly needsJob?: boolean
  readonly always?: true
}

/** The fields of AsyncApexJob by name. */
export function jobColumns(dialect: JobDialect, base: JobBase): Readonly<Record<string, JobColumn>> {
  const { id, outcome, ended } = base
  const queued = ended === 'always' ? undefined : queuedColumns(dialect, base)
  const either = (end: string, otherwise = 'null'): JobColumn => ({
    sql:
      ended === 'always'
        ? end
        : ended === 'never'
          ? otherwise
          : `case when ${outcome} is not null then ${end} else ${otherwise} end`,
  })
  const inState = (column: string): string =>
    `(select t.${column} from ${dialect.table('state')} t where t.job = ${id})`
  const nothing = (type: string): JobColumn => ({ sql: `cast(null as ${type})` })
  return {
    Id: { sql: id, always: true },
    ApexClassId: { sql: 'l.name', always: true },
    JobType: {
      sql: `case when ${dialect.textOf('j.options', 'several')} is null then 'Queueable'
        when ${dialect.textOf('j.options', 'partOf')} is null then 'BatchApex' else 'BatchApexWorker' end`,
      needsJob: true,
    },
    Status:
      base.status === undefined
        ? either(endAs('status', outcome), queued?.status)
        : { sql: dialect.text(base.status) },
    Substatus: either(endAs('substatus', outcome), queued?.substatus),
    ExtendedStatus: {
      sql: `(select ${dialect.textOf('x.error', 'message')} from ${dialect.table('failure')} x
        where x.job = ${id} and x.seq >= 0 and x.error is not null order by x.seq, x.attempt limit 1)`,
    },
    JobItemsProcessed: { sql: `coalesce(${inState('chunks')} + ${inState('errors')}, 0)` },
    TotalJobItems: { sql: `coalesce(${inState('total_chunks')}, 0)` },
    NumberOfErrors: { sql: `coalesce(${inState('errors')}, 0)` },
    MethodName: nothing('text'),
    LastProcessed: nothing('text'),
    LastProcessedOffset: nothing('integer'),
    ParentJobId: { sql: 'j.parent', needsJob: true },
    CronTriggerId: { sql: dialect.fireOf('j.options'), needsJob: true },
    CreatedById: { sql: dialect.textOf('j.options', 'runAs'), needsJob: true },
    CreatedDate: { sql: dialect.createdAt(id) },
    CompletedDate:
      ended === 'never' ? nothing('bigint') : { sql: dialect.instant(endOf(dialect, id, 'finished')) },
    Tenant: { sql: 'l.tenant', always: true },
    Queue: { sql: 'l.queue' },
    Version: { sql: 'l.version' },
    Priority: { sql: base.prio, needsJob: true },
    Attempt: either(endOf(dialect, id, 'attempt'), queued?.attempt),
  }
}

/** As statusOf has it of the facts of a job that has not ended. */
function queuedColumns(
  dialect: JobDialect,
  { id, lane, prio }: JobBase,
): { readonly status: string; readonly substatus: string; readonly attempt: string } {
  const { table } = dialect
  const inReady = (column: string, seqs: string): string =>
    `(select q.${column} from ${table('ready')} q where q.lane = ${lane} and q.prio = ${prio} and q.job = ${id} and q.seq ${seqs} 0
      order by q.seq desc limit 1)`
  const inWaiting = (column: string, seqs: string): string =>
    `(select q.${column} from ${table('waiting')} q where q.job = ${id} and q.seq ${seqs} 0 order by q.seq desc limit 1)`
  const isAborting = `${id} in (select job from ${table('abort')})`
  const isStarted = `${id} in (${dialect.leased(true)})`
  const isLeased = `${id} in (${dialect.leased(false)})`
  const isFinalizing = `(${inReady('seq', '<')} is not null or ${inWaiting('seq', '<')} is not null or ${id} in (${dialect.inLeases}))`
  const isBegun = `exists (select 1 from ${table('state')} t where t.job = ${id})`
  const isSeveral = `exists (select 1 from ${table('job')} k where k.id = ${id} and ${dialect.textOf('k.options', 'several')} is not null)`
  const isHolding = `exists (select 1 from ${table('waiting')} h where h.job = ${id} and h.reason = ${waitReasons.holding})`
  const isPaused = `exists (select 1 from ${table('pause')} p where p.kind = 'all' or p.kind = 'queue' and p.value = l.queue
    or p.kind = 'name' and p.value = l.name or p.kind = 'tenant' and p.value = l.tenant)`
  const last = `(select max(d.attempt) from ${table('done')} d where d.job = ${id} and d.seq >= 0)`
  return {
    status: `case when ${isAborting} or ${isBegun} then 'Processing' when ${isStarted} then
      case when ${isSeveral} then 'Preparing' else 'Processing' end
      when ${isHolding} then 'Holding' else 'Queued' end`,
    substatus: `case when ${isAborting} then 'aborting' when ${isStarted} then 'running' when ${isLeased} then 'claimed'
      when ${inWaiting('seq', '>=')} is not null then ${waitAs(inWaiting('reason', '>='))}
      when ${inReady('seq', '>=')} is null and ${isFinalizing} then 'finalizing'
      when ${inReady('seq', '>=')} is null then 'ready'
      when ${isPaused} then 'paused' when ${dialect.unknownLane} then 'unknownDefinition' else 'ready' end`,
    attempt: `coalesce(${inReady('attempt', '>=')}, ${inWaiting('attempt', '>=')},
      case when ${isLeased} then coalesce(${last}, 0) + 1 else coalesce(${last}, 1) end)`,
  }
}
