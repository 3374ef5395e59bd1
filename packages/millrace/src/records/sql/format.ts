import type { ValueField } from './expr.ts'

/**
 * FORMAT() as people of the United States write it ("FORMAT ()" of the SOQL reference): `44,000.00` with the decimal places of the field,
 * `12/28/2015`, and `4/10/2025, 3:31 PM` on the caller's clock.
 */
export function formatted(field: ValueField, value: unknown, timeZone: string): unknown {
  if (typeof value === 'number') return formatNumber(value, field.scale)
  if (value instanceof Date) return `${dayOf(value, timeZone)}, ${clockOf(value, timeZone)}`
  return field.type === 'date' && typeof value === 'string'
    ? dayOf(new Date(`${value}T00:00:00Z`), 'UTC')
    : value
}

function formatNumber(value: number, scale: number | undefined): string {
  if (scale !== undefined)
    return value.toLocaleString('en-US', { minimumFractionDigits: scale, maximumFractionDigits: scale })
  // As many digits as a double surely keeps: 0.3, not 0.30000000000000004.
  const exact = Number.isInteger(value) ? value : Number(value.toPrecision(15))
  return exact.toLocaleString('en-US', { maximumFractionDigits: 20 })
}

const dayOf = (at: Date, timeZone: string): string =>
  at.toLocaleDateString('en-US', { timeZone, year: 'numeric', month: 'numeric', day: 'numeric' })

/** Intl puts a narrow space before AM and PM. */
const clockOf = (at: Date, timeZone: string): string =>
  at.toLocaleTimeString('en-US', { timeZone, hour: 'numeric', minute: '2-digit' }).replace('\u202f', ' ')
