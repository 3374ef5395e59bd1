import { MillraceError } from '../../kernel/rules/errors.ts'

type Data = Readonly<Record<string, unknown>>

/** MILL_QUERY_INVALID; `place` names the clause or expression as written. */
export function invalid(place: string, what: string, data: Data = {}): MillraceError {
  return new MillraceError('MILL_QUERY_INVALID', `${place} ${what}.`, { data: { place, ...data } })
}

/** MILL_SOQL_UNSUPPORTED; `what` tells the reason. */
export function unsupported(place: string, what: string): MillraceError {
  return new MillraceError('MILL_SOQL_UNSUPPORTED', `${place} is not supported: ${what}.`, {
    data: { place },
  })
}
