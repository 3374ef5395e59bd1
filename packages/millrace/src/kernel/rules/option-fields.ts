import { describeValue } from './describe-value.ts'
import { MillraceError, type ErrorCode } from './errors.ts'
import { meant } from './nearest-name.ts'

/**
 * The fields of an options object. Throws MILL_OPTIONS_INVALID (or `code`) when it is no plain object, or has a field
 * that is not in `known`: a misspelled option is never silently ignored.
 */
export function optionFields<Field extends string>(
  options: unknown,
  known: readonly Field[],
  where: string,
  code: ErrorCode = 'MILL_OPTIONS_INVALID',
): Readonly<Partial<Record<Field, unknown>>> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const what = `must be an object with ${known.join(', ')}; got ${describeValue(options)}`
    throw invalidOption(where, what, code)
  }
  const stranger = Object.keys(options).find((field) => !(known as readonly string[]).includes(field))
  if (stranger !== undefined) {
    throw invalidOption(
      where,
      `has no option ${describeValue(stranger)}${meant(stranger, known)}; it knows ${known.join(', ')}`,
      code,
    )
  }
  return options as Partial<Record<Field, unknown>>
}

/** MILL_OPTIONS_INVALID or `code`, saying where and what. */
export function invalidOption(
  where: string,
  what: string,
  code: ErrorCode = 'MILL_OPTIONS_INVALID',
): MillraceError {
  return new MillraceError(code, `${where} ${what}.`, { data: { where } })
}

/** The value if it is one of `choices`, `fallback` if it is absent; else MILL_OPTIONS_INVALID. */
export function choiceOf<Choice extends string>(
  value: unknown,
  choices: readonly Choice[],
  fallback: Choice,
  where: string,
): Choice {
  if (value === undefined) return fallback
  const choice = choices.find((each) => each === value)
  if (choice !== undefined) return choice
  throw invalidOption(
    where,
    `must be one of ${choices.map((each) => `'${each}'`).join(', ')}; got ${describeValue(value)}`,
  )
}

/** A Date that is one; else MILL_OPTIONS_INVALID: text would be read in another zone somewhere else. */
export function checkDate(value: unknown, where: string): Date {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value
  throw invalidOption(where, `must be a valid Date; got ${describeValue(value)}`)
}

/** A whole number within bounds, both inclusive; else MILL_OPTIONS_INVALID. */
export function wholeOf(value: unknown, least: number, most: number, where: string): number {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return Number(value)
  throw invalidOption(where, `must be a whole number from ${least} to ${most}; got ${describeValue(value)}`)
}
