import { describeValue } from './describe-value.ts'
import type { ErrorCode } from './errors.ts'
import { formatDuration, MAX_DURATION_MS, parseDuration, type Duration } from './duration.ts'
import { choiceOf, invalidOption, optionFields } from './option-fields.ts'
import type { StoredError } from './outcome.ts'

/** A class of errors, as `retryOn` takes it. It is matched by its name, also as a superclass. */
export type ErrorClass = abstract new (...args: never[]) => Error

const backoffs = ['exponential', 'linear', 'fixed'] as const
const jitters = ['full', 'none'] as const
export type Backoff = (typeof backoffs)[number]
export type Jitter = (typeof jitters)[number]

/** How a failed attempt is tried again; the same for all tools. */
export interface RetryOptions {
  /** Attempts in all, the first included: 1 (never again) to 1000. Attempts whose process died do not count. @default 5 */
  readonly attempts?: number
  /** How the wait grows from attempt to attempt. @default 'exponential' */
  readonly backoff?: Backoff
  /** Wait after the first failed attempt. @default '1 second' */
  readonly initial?: Duration
  /** No wait is longer, unless the error itself asks for it (`retryAfter`). @default '10 minutes', or `initial` if that is longer */
  readonly max?: Duration
  /** What each wait is multiplied with (exponential only), 1 to 100. @default 2 */
  readonly factor?: number
  /** 'full': a random time up to the wait, so that what failed together does not return together. @default 'full' */
  readonly jitter?: Jitter
  /** Only errors with one of these codes, names or classes are tried again. @default every error */
  readonly retryOn?: readonly (string | ErrorClass)[]
  /** Errors with one of these are never tried again; wins over `retryOn`. @default none */
  readonly abortOn?: readonly (string | ErrorClass)[]
}

/** {@link RetryOptions} with every field present, in ms, classes as names. Survives JSON. */
export interface RetryPolicy {
  readonly attempts: number
  readonly backoff: Backoff
  readonly initialMs: number
  readonly maxMs: number
  readonly factor: number
  readonly jitter: Jitter
  /** null: every error. */
  readonly retryOn: readonly string[] | null
  readonly abortOn: readonly string[]
}

/** Five attempts in all (semantics F-06), exponential from 1 s, cap 10 minutes, full jitter. */
export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  backoff: 'exponential',
  initialMs: 1000,
  maxMs: 600_000,
  factor: 2,
  jitter: 'full',
  retryOn: null,
  abortOn: [],
}

const fields = ['attempts', 'backoff', 'initial', 'max', 'factor', 'jitter', 'retryOn', 'abortOn'] as const

/**
 * The policy that options ask for; what they leave out comes from `base` (a job's options over its definition's).
 * Throws MILL_OPTIONS_INVALID or MILL_DURATION_INVALID.
 */
export function normalizeRetry(
  options: unknown,
  where: string,
  base: RetryPolicy = DEFAULT_RETRY,
): RetryPolicy {
  if (options === undefined) return base
  const given = optionFields(options, fields, where)
  const initialMs =
    given.initial === undefined ? base.initialMs : parseDuration(given.initial, `${where}.initial`)
  return {
    attempts: attemptsOf(given.attempts ?? base.attempts, where),
    backoff: choiceOf(given.backoff, backoffs, base.backoff, `${where}.backoff`),
    initialMs,
    maxMs: given.max === undefined ? Math.max(base.maxMs, initialMs) : maxOf(given.max, initialMs, where),
    factor: factorOf(given.factor ?? base.factor, where),
    jitter: choiceOf(given.jitter, jitters, base.jitter, `${where}.jitter`),
    retryOn: given.retryOn === undefined ? base.retryOn : matchesOf(given.retryOn, `${where}.retryOn`),
    abortOn: given.abortOn === undefined ? base.abortOn : matchesOf(given.abortOn, `${where}.abortOn`),
  }
}

/** The policy of a job: its stored one (`JobOptions.retry`), else its definition's, which also lends what an older release did not store. */
export function retryPolicyOf(stored: unknown, definition: RetryPolicy): RetryPolicy {
  return stored === undefined ? definition : { ...definition, ...(stored as Partial<RetryPolicy>) }
}

function attemptsOf(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1000) return value
  throw invalidOption(
    `${where}.attempts`,
    `must be a whole number from 1 to 1000; got ${describeValue(value)}`,
  )
}

function factorOf(value: unknown, where: string): number {
  if (typeof value === 'number' && value >= 1 && value <= 100) return value
  throw invalidOption(`${where}.factor`, `must be a number from 1 to 100; got ${describeValue(value)}`)
}

function maxOf(value: unknown, initialMs: number, where: string): number {
  const maxMs = parseDuration(value, `${where}.max`)
  if (maxMs >= initialMs) return maxMs
  throw invalidOption(`${where}.max`, `is shorter than the first wait (${formatDuration(initialMs)})`)
}

function matchesOf(value: unknown, where: string): readonly string[] {
  if (!Array.isArray(value)) throw invalidOption(where, `must be a list of codes, names or error classes`)
  return value.map((match: unknown, index) => {
    const name = typeof match === 'function' ? match.name : match
    if (typeof name === 'string' && name !== '') return name
    throw invalidOption(
      `${where}[${index}]`,
      `must be a code, a name or a named error class; got ${describeValue(match)}`,
    )
  })
}

/** Codes of mistakes in the code or its input, which no other attempt mends. `retryOn` may name them all the same. */
const permanentCodes: ReadonlySet<string> = new Set<ErrorCode>([
  'MILL_INPUT_INVALID',
  'MILL_INPUT_UNSERIALIZABLE',
  'MILL_TEXT_UNSTORABLE',
  'MILL_PAYLOAD_TOO_LARGE',
  'MILL_RESULT_TOO_LARGE',
  'MILL_OPTIONS_INVALID',
  'MILL_DEPTH_EXCEEDED',
  'MILL_DEFINITION_UNKNOWN',
  'MILL_CALLOUT_AFTER_WRITE',
  'MILL_TRANSACTION_STATEMENT',
  'MILL_SQL_INVALID',
  'MILL_NOT_ON_SQLITE',
  'MILL_CURSOR_FATAL',
  'MILL_STATE_TOO_LARGE',
  'MILL_PIPELINE_STEP_GONE',
  'MILL_PIPELINE_STEP_CHANGED',
  'MILL_PIPELINE_NO_PROGRESS',
  'MILL_PIPELINE_RESTARTS_EXCEEDED',
  'MILL_PIPELINE_OPEN_INVALID',
  'MILL_PIPELINE_TIMED_OUT',
  'MILL_PIPELINE_REJECTED',
  'MILL_PIPELINE_CHILD_FAILED',
  'MILL_CALLOUT_REFUSED',
])

/**
 * Whether the policy lets this error be tried again, attempts left out of account. A match is its code, its name, or
 * one of the `classes` it is an instance of; of its causes, only the code. Without `retryOn` everything is tried again but
 * Millrace's own errors that say so of themselves.
 */
export function isRetryable(policy: RetryPolicy, error: StoredError, classes: readonly string[]): boolean {
  const traits = new Set([error.name, ...classes, ...codesOf(error)])
  if (policy.abortOn.some((match) => traits.has(match))) return false
  if (policy.retryOn === null) return error.code === undefined || !permanentCodes.has(error.code)
  return policy.retryOn.some((match) => traits.has(match))
}

function codesOf(error: StoredError): string[] {
  const codes: string[] = []
  for (let at: StoredError | undefined = error; at !== undefined; at = at.cause) {
    if (at.code !== undefined) codes.push(at.code)
  }
  return codes
}

/**
 * Whole ms to wait after the `failed`-th counted attempt (from 1); `chance` in [0, 1). Never below `retryAfterMs`, which
 * may exceed the policy's max, but not 100 years. 0 = at once.
 */
export function retryDelayMs(policy: RetryPolicy, failed: number, chance: number, retryAfterMs = 0): number {
  const cap = Math.min(policy.maxMs, growth(policy, failed))
  const delay = policy.jitter === 'full' ? chance * cap : cap
  return Math.round(Math.max(delay, Math.min(retryAfterMs, MAX_DURATION_MS)))
}

function growth({ backoff, initialMs, factor }: RetryPolicy, failed: number): number {
  if (initialMs === 0 || backoff === 'fixed') return initialMs
  return backoff === 'linear' ? initialMs * failed : initialMs * factor ** (failed - 1)
}
