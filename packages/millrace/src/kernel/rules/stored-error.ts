import { describeValue } from './describe-value.ts'
import { MAX_DURATION_MS } from './duration.ts'
import { errorRegistry, MillraceError, type ErrorCode } from './errors.ts'
import type { StoredError } from './outcome.ts'
import { makeStorable } from './text.ts'

/** What was thrown, as it is kept, and the classes it is an instance of (nearest first) for `retryOn`. */
export interface Thrown {
  readonly error: StoredError
  readonly classes: readonly string[]
}

const maxDepth = 10
const maxClasses = 20
const maxFolded = 10
const maxLabel = 200
const maxMessage = 64 * 1024
const maxCauseMessage = 8 * 1024
const maxStack = 16 * 1024

/**
 * Turns whatever was thrown into plain, bounded, storable data; never throws. Kept: name, message (64 Ki characters),
 * stack (16 Ki), code, the chain of causes (10 deep, cycles cut), and of an AggregateError its first ten members in
 * the message and the first one as cause. What is no Error gets the code MILL_HANDLER_THREW. `retryAfterMs` comes from
 * the error's `retryAfterMs`, or its `retryAfter` in seconds, or its nearest cause that has one.
 */
export function storeError(thrown: unknown): Thrown {
  if (isError(thrown)) return { error: keep(thrown, new Set()), classes: classesOf(thrown) }
  const message = `Something that is not an Error was thrown: ${describeValue(thrown, 1000)}`
  return {
    error: { name: 'NonError', code: 'MILL_HANDLER_THREW', message: makeStorable(message) },
    classes: [],
  }
}

function keep(thrown: object, above: Set<object>): StoredError {
  above.add(thrown)
  const members = membersOf(thrown)
  const message = messageOf(thrown, members, above.size === 1 ? maxMessage : maxCauseMessage)
  const cause = causeOf(read(thrown, 'cause') ?? members[0], above)
  const code = codeOf(read(thrown, 'code'))
  const stack = stackOf(thrown)
  const retryAfterMs = retryAfterOf(thrown) ?? cause?.retryAfterMs
  return {
    name: nameOf(thrown),
    message,
    ...(code !== undefined && { code }),
    ...(stack !== undefined && { stack }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(cause !== undefined && { cause }),
  }
}

function causeOf(cause: unknown, above: Set<object>): StoredError | undefined {
  if (cause === undefined || cause === null || above.size >= maxDepth) return undefined
  if (!isError(cause)) return { name: 'NonError', message: makeStorable(describeValue(cause, 1000)) }
  return above.has(cause) ? undefined : keep(cause, above)
}

function messageOf(thrown: object, members: readonly unknown[], limit: number): string {
  const lines = members.slice(0, maxFolded).map((member) => `\n- ${summary(member)}`)
  const more = members.length > maxFolded ? `\n- and ${members.length - maxFolded} more` : ''
  return bounded(textOf(thrown, 'message') + lines.join('') + more, limit)
}

function summary(member: unknown): string {
  return isError(member)
    ? `${nameOf(member)}: ${bounded(textOf(member, 'message'), maxLabel)}`
    : describeValue(member)
}

function membersOf(thrown: object): readonly unknown[] {
  const members = read(thrown, 'errors')
  try {
    return Array.isArray(members) && isAggregate(thrown)
      ? Array.from(members.slice(0, 1000) as unknown[])
      : []
  } catch {
    return []
  }
}

/** Other libraries call their own lists of problems `errors` too. */
function isAggregate(thrown: object): boolean {
  return classesOf(thrown).includes('AggregateError')
}

function nameOf(thrown: object): string {
  return bounded(textOf(thrown, 'name') || (classesOf(thrown)[0] ?? 'Error'), maxLabel)
}

/** A long message is cut inside the stack too: the frames are what it is for. */
function stackOf(thrown: object): string | undefined {
  const stack = read(thrown, 'stack')
  if (typeof stack !== 'string') return undefined
  const message = textOf(thrown, 'message')
  const short = message.length > 1000 ? stack.replace(message, () => `${message.slice(0, 1000)}…`) : stack
  return bounded(short, maxStack)
}

function codeOf(code: unknown): string | undefined {
  if (typeof code === 'number') return String(code)
  return typeof code === 'string' && code !== '' ? bounded(code, maxLabel) : undefined
}

function retryAfterOf(thrown: object): number | undefined {
  return waitOf(read(thrown, 'retryAfterMs'), 1) ?? waitOf(read(thrown, 'retryAfter'), 1000)
}

function waitOf(value: unknown, unitMs: number): number | undefined {
  if (typeof value !== 'number' || !(value >= 0)) return undefined
  return Math.min(Math.round(value * unitMs), MAX_DURATION_MS)
}

function classesOf(thrown: object): string[] {
  const classes: string[] = []
  let prototype = prototypeOf(thrown)
  while (prototype !== null && prototype !== Object.prototype && classes.length < maxClasses) {
    const maker = read(prototype, 'constructor')
    const name = typeof maker === 'function' ? read(maker, 'name') : undefined
    if (typeof name === 'string' && name !== '') classes.push(name)
    prototype = prototypeOf(prototype)
  }
  return classes
}

/** Also errors of another realm (vm, thread), which are no `instanceof Error`. */
function isError(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  try {
    return (
      value instanceof Error ||
      (typeof read(value, 'message') === 'string' && typeof read(value, 'stack') === 'string')
    )
  } catch {
    return false
  }
}

function prototypeOf(value: object): object | null {
  try {
    return Object.getPrototypeOf(value) as object | null
  } catch {
    return null
  }
}

function read(from: object, field: string): unknown {
  try {
    return (from as Record<string, unknown>)[field]
  } catch {
    return undefined
  }
}

function textOf(from: object, field: string): string {
  const text = read(from, field)
  return typeof text === 'string' ? text : ''
}

function bounded(text: string, limit: number): string {
  return makeStorable(text.length > limit ? `${text.slice(0, limit - 1)}…` : text)
}

/**
 * The stored error as an Error to throw at a caller: name, message, code, stack, retryAfterMs and causes as they were.
 * Errors of Millrace are MillraceErrors again; other classes are not brought back.
 */
export function reviveError(stored: StoredError): Error {
  const cause = stored.cause && reviveError(stored.cause)
  const error = isOurs(stored)
    ? new MillraceError(stored.code, stored.message, cause && { cause })
    : foreign(stored, cause)
  if (stored.retryAfterMs !== undefined) define(error, 'retryAfterMs', stored.retryAfterMs, true)
  if (stored.stack !== undefined) define(error, 'stack', stored.stack, false)
  return error
}

function foreign({ name, message, code }: StoredError, cause: Error | undefined): Error {
  const error = new Error(message, cause && { cause })
  define(error, 'name', name, false)
  if (code !== undefined) define(error, 'code', code, true)
  return error
}

function isOurs(stored: StoredError): stored is StoredError & { readonly code: ErrorCode } {
  return (
    stored.name === 'MillraceError' && stored.code !== undefined && Object.hasOwn(errorRegistry, stored.code)
  )
}

function define(error: Error, field: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, field, { value, enumerable, writable: true, configurable: true })
}
