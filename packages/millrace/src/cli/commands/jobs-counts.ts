import type { JobStatus } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { look } from '../session.ts'
import { paintStatus } from '../status.ts'
import { printTable } from '../table.ts'

interface Options extends GlobalOptions {
  readonly tenant?: string | undefined
  readonly queue?: string | undefined
  readonly name?: string | undefined
}

/** Counts are exact up to this. */
const most = 10_000

export async function countJobs(options: Options): Promise<void> {
  const { tenant, queue, name } = options
  const filter = {
    ...(tenant === undefined ? {} : { tenant }),
    ...(queue === undefined ? {} : { queue }),
    ...(name === undefined ? {} : { name }),
  }
  const counts = await look(options, (mill) => mill.jobs.counts(filter))
  if (options.json) {
    printJson(counts)
    return
  }
  printTable<[string, number]>(
    [
      {
        title: 'STATUS',
        value: ([status]) => status,
        paint: (cell, [status]) => paintStatus(status as JobStatus, cell),
      },
      {
        title: 'JOBS',
        value: ([, count]) => (count >= most ? `${most} or more` : String(count)),
        right: true,
      },
    ],
    Object.entries(counts),
  )
}
