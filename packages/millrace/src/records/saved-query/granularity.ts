import type { FieldInfo } from '../object/schema.ts'
import type { Call, Operand, Path } from '../query/query.ts'
import type { DateGranularity } from './report.ts'

/**
 * What a field is grouped by, in the words of SOQL and in the caller's time zone. Of weeks, which SOQL counts from the first of
 * January on, the days: `keyOf` puts them together.
 */
export function groupOperands(
  field: FieldInfo,
  path: Path,
  by: DateGranularity | undefined,
): readonly Operand[] {
  const plain: Operand = { kind: 'field', path }
  if (by === undefined) return [plain]
  const civil = field.type === 'datetime' ? call('CONVERTTIMEZONE', plain) : plain
  switch (by) {
    case 'day':
    case 'week':
      return [field.type === 'date' ? plain : call('DAY_ONLY', civil)]
    case 'month':
      return [call('CALENDAR_YEAR', civil), call('CALENDAR_MONTH', civil)]
    case 'quarter':
      return [call('CALENDAR_YEAR', civil), call('CALENDAR_QUARTER', civil)]
    case 'year':
      return [call('CALENDAR_YEAR', civil)]
  }
}

export type GroupKey = string | number | boolean | null

/** The value of a group: of dates the first day of its span, else the field's value. */
export function keyOf(by: DateGranularity | undefined, values: readonly unknown[]): GroupKey {
  const [first = null, second = null] = values as readonly GroupKey[]
  if (by === undefined || first === null) return first
  switch (by) {
    case 'day':
      return String(first)
    case 'week':
      return sundayOf(String(first))
    case 'month':
      return dayOf(Number(first), Number(second))
    case 'quarter':
      return dayOf(Number(first), Number(second) * 3 - 2)
    case 'year':
      return dayOf(Number(first), 1)
  }
}

/** `Nov 2026`, `Q4 2026`: what people call the span that begins on a day. */
export function spanLabel(by: DateGranularity, day: string, locale: string): string {
  const date = new Date(`${day}T00:00:00Z`)
  const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' })
  switch (by) {
    case 'day':
      return format({ dateStyle: 'medium' }).format(date)
    case 'week':
      return format({ dateStyle: 'medium' }).formatRange(date, new Date(date.getTime() + 6 * dayMs))
    case 'month':
      return format({ month: 'long', year: 'numeric' }).format(date)
    case 'quarter':
      return `Q${Math.floor(date.getUTCMonth() / 3) + 1} ${date.getUTCFullYear()}`
    case 'year':
      return String(date.getUTCFullYear())
  }
}

const dayMs = 86_400_000

function sundayOf(day: string): string {
  const date = new Date(`${day}T00:00:00Z`)
  return new Date(date.getTime() - date.getUTCDay() * dayMs).toISOString().slice(0, 10)
}

function dayOf(year: number, month: number): string {
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-01`
}

function call(name: string, argument: Operand): Operand {
  return { kind: 'call', call: { name, args: [argument] } satisfies Call }
}
