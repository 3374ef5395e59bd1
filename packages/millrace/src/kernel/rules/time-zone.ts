import { describeValue } from './describe-value.ts'
import { MillraceError, type ErrorCode } from './errors.ts'
import { nearestName } from './nearest-name.ts'

const name = /^[A-Za-z][A-Za-z0-9_+\-/]{0,99}$/
/** In small letters, so that there are not more than zones. */
const known = new Set(['utc'])

/**
 * Throws `code`, with the nearest name, for whatever is no name of the IANA database, in any case of letters: offsets such as `+02:00`
 * included, as they do not say when clocks are changed.
 */
export function demandTimeZone(
  given: unknown,
  where?: string,
  code: ErrorCode = 'MILL_TIME_ZONE_UNKNOWN',
): asserts given is string {
  if (typeof given === 'string' && (known.has(given.toLowerCase()) || isZone(given))) return
  const near =
    typeof given === 'string'
      ? nearestName(given.slice(0, 100), Intl.supportedValuesOf('timeZone'))
      : undefined
  throw new MillraceError(
    code,
    `${where === undefined ? 'There' : `${where}: there`} is no time zone ${describeValue(given)}.${near === undefined ? '' : ` Did you mean ${near}?`} Write an IANA name such as Europe/Berlin or UTC.`,
    { data: near === undefined ? {} : { nearest: near } },
  )
}

function isZone(given: string): boolean {
  if (!name.test(given)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: given })
  } catch {
    return false
  }
  known.add(given.toLowerCase())
  return true
}
