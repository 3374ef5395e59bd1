import type { ValueField } from './expr.ts'

const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 20 })

/** FORMAT(): as people of the United States write it; datetimes in the caller's time zone. */
export function formatted(field: ValueField, value: unknown, timeZone: string): unknown {
  if (value === null) return null
  if (value instanceof Date)
    return value.toLocaleString('en-US', { timeZone, dateStyle: 'short', timeStyle: 'short' })
  if (field.type === 'date' && typeof value === 'string')
    return new Date(`${value}T00:00:00Z`).toLocaleDateString('en-US', { timeZone: 'UTC' })
  return typeof value === 'number' ? numbers.format(value) : value
}
