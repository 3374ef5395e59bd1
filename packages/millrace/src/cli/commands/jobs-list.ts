import type { JobListOptions, JobStatus, JobView } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { look } from '../session.ts'
import { paintStatus, statusText } from '../status.ts'
import { printTable, type Column } from '../table.ts'
import { note, print, shortTime } from '../text.ts'

interface Options extends GlobalOptions {
  readonly status?: JobStatus | undefined
  readonly tenant?: string | undefined
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly tag?: string | undefined
  readonly from?: Date | undefined
  readonly to?: Date | undefined
  readonly limit?: number | undefined
  readonly after?: string | undefined
}

export async function listJobs(options: Options): Promise<void> {
  const { config: _config, storage: _storage, json, ...rest } = options
  const { jobs, next } = await look(options, (mill) => mill.jobs.list(filterOf(rest)))
  if (json) {
    printJson({ jobs, next })
    return
  }
  if (jobs.length === 0) {
    print('no jobs')
    return
  }
  printTable(columnsFor(jobs), jobs)
  if (next !== null) note(`more: --after ${next}`)
}

function columnsFor(jobs: readonly JobView[]): Column<JobView>[] {
  const columns: Column<JobView>[] = [
    { title: 'ID', value: ({ id }) => id },
    { title: 'NAME', value: ({ name }) => name },
    { title: 'STATUS', value: statusText, paint: (cell, { status }) => paintStatus(status, cell) },
    { title: 'ATTEMPT', value: ({ attempt }) => String(attempt), right: true },
    { title: 'TENANT', value: ({ tenant }) => tenant },
    { title: 'QUEUE', value: ({ queue }) => queue },
    { title: 'ENQUEUED', value: ({ createdAt }) => shortTime(createdAt) },
    { title: 'REMARK', value: remarkOf },
  ]
  // A terminal is narrow: what says the same in each line is left out.
  const dull = ({ title, value }: Column<JobView>): boolean =>
    ['TENANT', 'QUEUE'].includes(title) && jobs.every((job) => value(job) === 'default')
  return process.stdout.isTTY ? columns.filter((column) => !dull(column)) : columns
}

function filterOf(options: Omit<Options, keyof GlobalOptions>): JobListOptions {
  const { status, tenant, queue, name, tag, from, to, limit, after } = options
  return {
    ...(status === undefined ? {} : { status }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(queue === undefined ? {} : { queue }),
    ...(name === undefined ? {} : { name }),
    ...(tag === undefined ? {} : { tag }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(limit === undefined ? {} : { limit }),
    ...(after === undefined ? {} : { after }),
  }
}

function remarkOf({ error, reason, status }: JobView): string {
  const due = reason.dueAt === undefined ? '' : `due ${shortTime(new Date(reason.dueAt))}`
  const failed = error === null || status === 'Completed' ? '' : `${error.name}: ${error.message}`
  return [due, failed].filter((part) => part !== '').join('; ')
}
