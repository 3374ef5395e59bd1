import { MillraceError } from '../../kernel/rules/errors.ts'
import { isDay, isInstant } from '../query/instant.ts'
import type { PlannedSort } from './columns.ts'
import type { Position, SortValue } from './keyset.ts'

/** Where a page ended. */
export interface PageEnd extends Position {
  /** Rows up to there. */
  readonly shown: number
}

/** Opaque text for the client. It holds values of the last row, so it is as confidential as the page. */
export function pageToken(sort: readonly PlannedSort[], { values, id, shown }: PageEnd): string {
  return Buffer.from(JSON.stringify([orderText(sort), shown, id, values])).toString('base64url')
}

/** Throws MILL_OPTIONS_INVALID for a text that is no token, or one of another order. */
export function readPageToken(sort: readonly PlannedSort[], token: string): PageEnd {
  const parsed = parsedToken(token)
  if (parsed === undefined) throw refused('is no token of a page')
  const [order, shown, id, values] = parsed
  if (order !== orderText(sort))
    throw refused('is of another order: the saved query was changed; begin again')
  if (values.length !== sort.length || !sort.every((part, at) => fits(part, values[at] ?? null)))
    throw refused('is no token of a page')
  return { shown, id, values }
}

function parsedToken(
  token: string,
): readonly [order: string, shown: number, id: string | number, values: readonly SortValue[]] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed) || parsed.length !== 4) return undefined
  const [order, shown, id, values] = parsed as unknown[]
  if (typeof order !== 'string' || !Number.isSafeInteger(shown) || (shown as number) < 0) return undefined
  if ((typeof id !== 'string' && typeof id !== 'number') || !Array.isArray(values)) return undefined
  const isPlain = (value: unknown): boolean =>
    value === null || ['string', 'number', 'boolean'].includes(typeof value)
  return values.every(isPlain) ? [order, shown as number, id, values as readonly SortValue[]] : undefined
}

/** Tokens come back from clients. */
function fits({ field }: PlannedSort, value: SortValue): boolean {
  if (value === null) return true
  switch (field.type) {
    case 'datetime':
      return typeof value === 'string' && isInstant(value)
    case 'date':
      return typeof value === 'string' && isDay(value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'number':
    case 'integer':
    case 'currency':
      return typeof value === 'number'
    case 'id':
    case 'reference':
      return typeof value === (field.numeric ? 'number' : 'string')
    default:
      return typeof value === 'string'
  }
}

function orderText(sort: readonly PlannedSort[]): string {
  return sort.map(({ path, descending }) => `${path.join('.')} ${descending ? 'desc' : 'asc'}`).join(', ')
}

function refused(what: string): MillraceError {
  return new MillraceError('MILL_OPTIONS_INVALID', `after ${what}.`, { data: { where: 'after' } })
}
