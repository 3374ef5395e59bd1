import { styleText } from 'node:util'
import { errorRegistry, isMillraceError, type ErrorCode } from '../index.ts'
import { toJson } from './json.ts'
import { visible } from './text.ts'

/** An error as programs read it. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly fix: string
  readonly data: Readonly<Record<string, unknown>>
  readonly cause?: Omit<Problem, 'fix'>
}

export function problemOf(error: unknown): Problem {
  const { code, message, data, cause } = told(error)
  const fix = Object.hasOwn(errorRegistry, code) ? errorRegistry[code as ErrorCode].fix : ''
  return { code, message, fix, data, ...(cause === undefined ? {} : { cause }) }
}

function told(error: unknown): Omit<Problem, 'fix'> {
  const { code, message, cause } = (error instanceof Error ? error : new Error(String(error))) as Error & {
    readonly code?: unknown
  }
  return {
    // What has no code of its own comes from the application: its config, its definitions.
    code: typeof code === 'string' ? code : 'ERROR',
    message,
    data: isMillraceError(error) ? error.data : {},
    ...(cause === undefined ? {} : { cause: told(cause) }),
  }
}

/** On stderr: for people two lines and the causes, with `json` one document. */
export function printProblem(error: unknown, json: boolean): void {
  const problem = problemOf(error)
  process.stderr.write(json ? `${toJson(problem)}\n` : forPeople(problem, error))
}

function forPeople(problem: Problem, error: unknown): string {
  const red = (text: string): string => styleText('red', text, { stream: process.stderr })
  const lines = [`${red(`error ${problem.code}`)}: ${visible(problem.message)}`]
  for (let cause = problem.cause; cause !== undefined; cause = cause.cause) {
    lines.push(`  caused by ${cause.code === 'ERROR' ? '' : `${cause.code}: `}${visible(cause.message)}`)
  }
  if (problem.fix !== '') lines.push(`→ ${problem.fix}`)
  if (problem.code === 'ERROR' && error instanceof Error && error.stack !== undefined) lines.push(error.stack)
  return `${lines.join('\n')}\n`
}
