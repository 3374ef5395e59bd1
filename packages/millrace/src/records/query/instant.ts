const day = /^\d{4}-\d{2}-\d{2}$/
const instant = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/i

/** `'2026-11-24'`, a day that there is, of the years 1 to 9999: those that both databases can hold. */
export function isDay(text: string): boolean {
  if (!day.test(text) || text < '0001') return false
  const there = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(there.getTime()) && there.toISOString().startsWith(text)
}

/** ISO 8601 with zone, or a Date; a time that there is, of the years 1 to 9999. */
export function isInstant(value: string | Date): boolean {
  if (typeof value === 'string' && !isDay(instant.exec(value)?.[1] ?? '')) return false
  const year = new Date(value).getUTCFullYear()
  return year >= 1 && year <= 9999
}
