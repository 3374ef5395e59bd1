import type { Mill } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { printProblem, problemOf } from '../problem.ts'
import { look } from '../session.ts'
import { print } from '../text.ts'

export function retryJobs(ids: readonly string[], options: GlobalOptions): Promise<void> {
  return each(ids, options, async (mill, id) => {
    const retry = await mill.jobs.retry(id)
    return { told: { retryId: retry.id }, line: `${id} is retried as ${retry.id}` }
  })
}

const abortLines = {
  aborted: 'was aborted',
  requested: 'was asked to stop',
  ended: 'had ended already',
} as const

export function abortJobs(ids: readonly string[], options: GlobalOptions): Promise<void> {
  return each(ids, options, async (mill, id) => {
    const answer = await mill.jobs.abort(id)
    return { told: { answer }, line: `${id} ${abortLines[answer]}` }
  })
}

interface Done {
  readonly told: Readonly<Record<string, unknown>>
  readonly line: string
}

/** Does it to each job, also after one that failed; a failure of any makes the exit code 1. */
async function each(
  ids: readonly string[],
  { json, ...options }: GlobalOptions,
  act: (mill: Mill, id: string) => Promise<Done>,
): Promise<void> {
  await look(options, async (mill) => {
    const jobs: object[] = []
    for (const id of ids) {
      try {
        const { told, line } = await act(mill, id)
        jobs.push({ id, ...told })
        if (!json) print(line)
      } catch (error) {
        process.exitCode = 1
        jobs.push({ id, problem: problemOf(error) })
        printProblem(error, json === true)
      }
    }
    if (json) printJson({ jobs })
  })
}
