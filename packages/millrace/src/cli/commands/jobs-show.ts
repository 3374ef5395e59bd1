import { inspect } from 'node:util'
import type { AttemptView, JobView } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { look } from '../session.ts'
import { paintStatus, statusText } from '../status.ts'
import { printTable } from '../table.ts'
import { paint, print, shortDuration, shortTime, visible, visibleLines } from '../text.ts'

export async function showJob(id: string, options: GlobalOptions): Promise<void> {
  const { job, why, attempts } = await look(options, async (mill) => ({
    job: await mill.jobs.get(id),
    why: await mill.explain(id),
    attempts: await mill.jobs.attempts(id),
  }))
  if (options.json) {
    printJson({ ...job, why, attempts })
    return
  }
  print(`${paint('bold', job.name)}${job.version === 1 ? '' : ` (version ${job.version})`} ${job.id}`)
  printFields(job, why)
  printValue('input', job.input)
  if (job.result !== undefined) printValue('result', job.result)
  if (job.error !== null) printError(job.error)
  if (attempts.length > 0) printAttempts(attempts)
}

function printFields(job: JobView, why: string): void {
  const fields: readonly (readonly [string, string | null])[] = [
    ['status', paintStatus(job.status, statusText(job))],
    ['why', visible(why)],
    ['tenant', job.tenant],
    ['queue', job.queue],
    ['priority', String(job.priority)],
    ['attempt', String(job.attempt)],
    ['enqueued', shortTime(job.createdAt)],
    ['ended', job.finishedAt === null ? null : shortTime(job.finishedAt)],
    ['parent', job.parentId],
    ['retry of', job.retryOf],
    ['tags', job.tags.length === 0 ? null : visible(job.tags.join(', '))],
  ]
  for (const [title, value] of fields)
    if (value !== null) print(`  ${paint('dim', title.padEnd(9))} ${value}`)
}

function printValue(title: string, value: unknown): void {
  print(paint('bold', title))
  const shown = inspect(value, { depth: null, breakLength: 100, maxStringLength: null, maxArrayLength: null })
  for (const line of visibleLines(shown)) print(`  ${line}`)
}

function printError(error: NonNullable<JobView['error']>): void {
  print(paint('bold', 'error'))
  for (let at: JobView['error'] | undefined = error, depth = 0; at; at = at.cause, depth += 1) {
    const head = `${at.name}${at.code === undefined ? '' : ` [${at.code}]`}: ${at.message}`
    visibleLines(head).forEach((line, index) => {
      print(`  ${index === 0 && depth > 0 ? 'caused by ' : ''}${paint('red', line)}`)
    })
    for (const line of framesOf(at.stack)) print(paint('dim', `    ${line}`))
  }
}

/** The stack without its head, which was told already; a line of the message may begin like a frame. */
function framesOf(stack: string | undefined): string[] {
  if (stack === undefined) return []
  const frames = visibleLines(stack).map((line) => line.trim())
  return frames.filter((line) => /^at .*(:\d+:\d+|<anonymous>|native)\)?$/.test(line))
}

function printAttempts(attempts: readonly AttemptView[]): void {
  print(paint('bold', 'attempts'))
  printTable<AttemptView>(
    [
      { title: '  OF', value: ({ kind, of }) => `  ${kind === 'job' ? 'job' : `finalizer of ${of ?? ''}`}` },
      { title: 'ATTEMPT', value: ({ attempt }) => String(attempt), right: true },
      { title: 'OUTCOME', value: ({ outcome }) => outcome },
      { title: 'TOOK', value: ({ ms }) => shortDuration(ms), right: true },
      { title: 'ENDED', value: ({ finishedAt }) => shortTime(finishedAt) },
      { title: 'ERROR', value: ({ error }) => (error === null ? '' : `${error.name}: ${error.message}`) },
    ],
    attempts,
  )
}
