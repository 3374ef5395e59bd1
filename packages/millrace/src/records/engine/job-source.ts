import { idCeiling, idFloor } from '../../kernel/rules/ids.ts'
import { jobStatuses, type JobStatus } from '../../kernel/rules/status.ts'
import type { KnownConditions } from '../object/object.ts'
import { jobColumns } from './job-columns.ts'
import { endOf, type JobBase } from './job-base.ts'
import type { JobDialect } from './job-dialect.ts'
import { standing } from './standing.ts'
import { endedStatuses, outcomesWith } from './status-sql.ts'

/**
 * A subselect over the engine's tables that gives at least the jobs that may fit what is known of the query's conditions: over the ends
 * that failed, over what stands in the queues, or over all. Ids lead with the time they were made at, so a time becomes a range of ids.
 * Status and substatus are those of `mill.jobs.get` at that instant: all tables are read in one statement.
 */
export function jobSource(dialect: JobDialect, known: KnownConditions): string {
  const base = baseOf(dialect, statusesOf(known.oneOf('Status')))
  const columns = Object.entries(jobColumns(dialect, base)).filter(
    ([name, { always }]) => always === true || known.uses(name),
  )
  const job = base.hasJob || !columns.some(([, { needsJob }]) => needsJob) ? '' : dialect.withJob(base.id)
  const where = [
    ...base.where,
    ...(known.from === undefined ? [] : [`${base.id} >= ${dialect.id(idFloor(known.from))}`]),
    ...(known.to === undefined ? [] : [`${base.id} <= ${dialect.id(idCeiling(known.to))}`]),
  ]
  const selected = columns.map(([name, { sql }]) => `${sql} as "${name}"`).join(', ')
  return `select ${selected} from ${base.from}${job}${where.length === 0 ? '' : ` where ${where.join(' and ')}`}`
}

/** undefined: any. Others than the seven can be no job's. */
function statusesOf(wanted: readonly unknown[] | undefined): readonly JobStatus[] {
  if (wanted === undefined) return jobStatuses
  const lower = wanted.map((one) => String(one).toLowerCase())
  return jobStatuses.filter((status) => lower.includes(status.toLowerCase()))
}

function baseOf(dialect: JobDialect, wanted: readonly JobStatus[]): JobBase {
  const isOnly = (statuses: readonly JobStatus[]): boolean => wanted.every((one) => statuses.includes(one))
  if (isOnly(['Failed', 'Aborted'])) return badEnds(dialect, wanted)
  if (!wanted.some((one) => endedStatuses.includes(one)))
    return standingJobs(dialect, isOnly(['Processing', 'Preparing']))
  return allJobs(dialect, isOnly(['Completed']))
}

/** `failure` has a row for each, few enough to be walked by id or by lane. */
function badEnds(dialect: JobDialect, wanted: readonly JobStatus[]): JobBase {
  const { table } = dialect
  return {
    from: `${table('failure')} f ${dialect.walked} ${table('lane')} l on l.id = f.lane`,
    where: ['f.outcome >= 10', 'f.seq >= 0', `f.outcome in (${outcomesWith(wanted)})`],
    id: 'f.job',
    lane: 'f.lane',
    prio: 'j.prio',
    outcome: 'f.outcome',
    ended: 'always',
    status: only(wanted),
    hasJob: false,
  }
}

function standingJobs(dialect: JobDialect, isProcessing: boolean): JobBase {
  return {
    from: `(${standing(dialect, isProcessing)}) s join ${dialect.table('lane')} l on l.id = s.lane`,
    where: [],
    id: 's.job',
    lane: 's.lane',
    prio: 's.prio',
    outcome: 'null',
    ended: 'never',
    status: undefined,
    hasJob: false,
  }
}

function allJobs(dialect: JobDialect, isCompleted: boolean): JobBase {
  const { table } = dialect
  const completed = `(select d.outcome from ${table('done')} d
    where d.job = j.id and d.seq >= 0 and d.outcome in (${outcomesWith(['Completed'])}) limit 1)`
  return {
    from: `${table('job')} j ${dialect.walked} ${table('lane')} l on l.id = j.lane`,
    where: isCompleted ? [`${completed} is not null`] : [],
    id: 'j.id',
    lane: 'j.lane',
    prio: 'j.prio',
    outcome: isCompleted ? completed : endOf(dialect, 'j.id', 'outcome'),
    ended: isCompleted ? 'always' : 'maybe',
    status: isCompleted ? 'Completed' : undefined,
    hasJob: true,
  }
}

function only(statuses: readonly JobStatus[]): JobStatus | undefined {
  return statuses.length === 1 ? statuses[0] : undefined
}
