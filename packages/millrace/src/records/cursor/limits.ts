import { invalidOption, optionFields } from '../../kernel/rules/option-fields.ts'
import type { ErrorCode } from '../../kernel/rules/errors.ts'
import { describeValue } from '../../kernel/rules/describe-value.ts'

/** How large cursors may be, and how many (semantics C-04, C-06). */
export interface CursorLimits {
  /** Records of a cursor. @default 50,000,000 */
  readonly maxRows: number
  /** Records of one fetch or page. @default 2,000 */
  readonly fetchRows: number
  /** Records of a pagination cursor. @default 100,000 */
  readonly paginationRows: number
  /** How long one lives after its last use. @default two days */
  readonly ttlMs: number
  /** Cursors of a tenant within 24 hours. @default null: any number */
  readonly perDay: number | null
  /** Records in a tenant's cursors of the last 24 hours. @default null: any number */
  readonly rowsPerDay: number | null
}

export const defaultCursorLimits: CursorLimits = {
  maxRows: 50_000_000,
  fetchRows: 2_000,
  paginationRows: 100_000,
  ttlMs: 2 * 86_400_000,
  perDay: null,
  rowsPerDay: null,
}

/** Positions are 32-bit numbers. */
const most: Readonly<Record<keyof CursorLimits, number>> = {
  maxRows: 2_000_000_000,
  fetchRows: 10_000,
  paginationRows: 2_000_000_000,
  ttlMs: 366 * 86_400_000,
  perDay: Number.MAX_SAFE_INTEGER,
  rowsPerDay: Number.MAX_SAFE_INTEGER,
}

/** What is not given is the default. Throws MILL_OPTIONS_INVALID or `code`. */
export function cursorLimits(
  given: Partial<CursorLimits> = {},
  where = 'cursors',
  code: ErrorCode = 'MILL_OPTIONS_INVALID',
): CursorLimits {
  const names = Object.keys(defaultCursorLimits) as (keyof CursorLimits)[]
  const options = optionFields(given, names, where, code)
  for (const name of names) {
    const value = options[name]
    if (value === undefined || (value === null && defaultCursorLimits[name] === null)) continue
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most[name])
      throw invalidOption(
        `${where}.${name}`,
        `must be a whole number from 1 to ${most[name]}; got ${describeValue(value)}`,
        code,
      )
  }
  return { ...defaultCursorLimits, ...given }
}
