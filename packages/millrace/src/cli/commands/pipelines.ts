import { inspect } from 'node:util'
import type { Mill, StepView, WaitsFor } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { findConfig, quietly, withMill } from '../session.ts'
import { paintStatus, statusText } from '../status.ts'
import { printTable } from '../table.ts'
import { paint, print, shortDuration, shortTime, visible, visibleLines } from '../text.ts'
import { UsageError } from '../usage-error.ts'

export async function showPipeline(id: string, options: GlobalOptions): Promise<void> {
  const status = await withPipelines(options, ({ pipelines }) => pipelines.status(id))
  if (options.json) {
    printJson(status)
    return
  }
  const { job, step, paused, waitsFor, steps, state, stateBytes, continues, continuedBy } = status
  print(`${paint('bold', job.name)} ${job.id}`)
  const fields: readonly (readonly [string, string | null])[] = [
    ['status', `${paintStatus(job.status, statusText(job))}${paused ? ', paused' : ''}`],
    ['step', step],
    ['waits for', waitsFor === null ? null : waitText(waitsFor)],
    ['continues', continues],
    ['went on as', continuedBy],
    ['state', state === undefined ? null : `${stateBytes} bytes`],
  ]
  for (const [title, value] of fields)
    if (value !== null) print(`  ${paint('dim', title.padEnd(10))} ${value}`)
  if (state !== undefined)
    for (const line of visibleLines(inspect(state, { depth: 4, breakLength: 100 }))) print(`  ${line}`)
  printTable<StepView>(
    [
      { title: 'STEP', value: ({ name }) => name },
      { title: 'STATUS', value: ({ status }) => status },
      { title: 'ATTEMPTS', value: ({ attempts }) => String(attempts), right: true },
      { title: 'FAILED', value: ({ failures }) => String(failures), right: true },
      { title: 'TOOK', value: ({ ms, attempts }) => (attempts === 0 ? '' : shortDuration(ms)), right: true },
      { title: 'PAGES', value: ({ pages, total }) => (total === null ? '' : String(pages)), right: true },
      {
        title: 'RECORDS',
        value: ({ records, total }) => (total === null ? '' : `${records}/${total}`),
        right: true,
      },
      { title: 'BEGUN', value: ({ begunAt }) => (begunAt === null ? '' : shortTime(begunAt)) },
      { title: 'ERROR', value: ({ error }) => (error === null ? '' : `${error.name}: ${error.message}`) },
    ],
    steps,
  )
}

function waitText({ kind, token, job, until }: WaitsFor): string {
  const what =
    kind === 'job' ? `job ${job ?? ''}` : kind === 'approval' ? `approval ${token ?? ''}` : 'a signal'
  return until === null ? what : `${what}, until ${shortTime(until)}`
}

export type PipelineVerb = 'pause' | 'resume' | 'retry' | 'skip' | 'abort'

export async function steerPipeline(verb: PipelineVerb, id: string, options: GlobalOptions): Promise<void> {
  const answer = await withPipelines<string | boolean | { readonly id: string }>(
    options,
    async ({ pipelines }) => pipelines[verb](id),
  )
  if (typeof answer === 'object') tellJob(answer, options)
  else if (options.json) printJson({ id, answer })
  else
    print(typeof answer === 'string' ? `${id} ${answer}` : `${id} ${answer ? 'resumed' : 'was not paused'}`)
}

export async function restartPipeline(
  id: string,
  options: GlobalOptions & { readonly from: string; readonly state?: string | undefined },
): Promise<void> {
  const { from, state } = options
  const more = state === undefined ? {} : { state: parse(state, 'state') }
  tellJob(await withPipelines(options, ({ pipelines }) => pipelines.restart(id, { from, ...more })), options)
}

export async function signalPipeline(
  id: string,
  step: string,
  data: string | undefined,
  options: GlobalOptions,
): Promise<void> {
  const given = parse(data, 'data')
  await withPipelines(options, ({ pipelines }) => pipelines.signal(id, step, given))
  if (options.json) printJson({ id, step })
  else print(`${id} has its signal for ${visible(step)}`)
}

export async function decidePipeline(
  verb: 'approve' | 'reject',
  token: string,
  form: string | undefined,
  options: GlobalOptions & { readonly by?: string | undefined },
): Promise<void> {
  const given = parse(form, 'form')
  await withPipelines(options, ({ pipelines }) => pipelines[verb](token, given, options.by))
  const done = verb === 'approve' ? 'approved' : 'rejected'
  if (options.json) printJson({ answer: done })
  else print(done)
}

function tellJob(job: { readonly id: string }, { json }: GlobalOptions): void {
  if (json) printJson(job)
  else print(visible(job.id))
}

/** With the definitions: they tell the steps of a pipeline that has not begun. */
async function withPipelines<T>(options: GlobalOptions, work: (mill: Mill) => Promise<T>): Promise<T> {
  const { config } = await findConfig(options)
  return withMill({ ...quietly(config), migrate: false }, work)
}

function parse(text: string | undefined, what: string): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`the ${what} is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
