import type { Kind } from './value.ts'

/**
 * FORMAT() as people of the locale en_US read it ("FORMAT ()"): 44,000.00 with the decimal places of the field, 12/28/2015, and
 * 4/10/2025, 3:31 PM on the clock of the caller.
 */
export function formatted(value: unknown, { type, field }: Kind, timeZone: string): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'number') return number(value, field?.scale)
  if (value instanceof Date) {
    const parts = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' },
    }).formatToParts(value)
    const part = (name: string) => parts.find(({ type }) => type === name)?.value ?? ''
    const day = `${part('month')}/${part('day')}/${part('year')}`
    return `${day}, ${part('hour')}:${part('minute')} ${part('dayPeriod')}`
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (type !== 'date') return text
  const [year, month, day] = text.split('-').map(Number)
  return `${month}/${day}/${year}`
}

function number(value: number, scale: number | undefined): string {
  const exact = Number.isInteger(value) ? value : Number(value.toPrecision(15))
  return exact.toLocaleString('en-US', {
    ...(scale === undefined ? { maximumFractionDigits: 20 } : {}),
    ...(scale === undefined ? {} : { minimumFractionDigits: scale, maximumFractionDigits: scale }),
  })
}
