/** Zones change their offset at whole quarters of an hour of UTC, all of them since 1972. */
const quarterMs = 15 * 60_000
const mostKept = 100_000
/** A day within what a Date holds. */
const furthest = 8.64e15 - 86_400_000

const formats = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, number>()

/**
 * Civil time in a zone, `'2026-11-24 15:04:05.678'`, of a time in epoch ms or as ISO 8601 text (without a zone: UTC, as SQLite writes it).
 * null of null, of what is no time, and outside the years 0 to 9999. Throws RangeError for a zone that there is not.
 */
export function localTime(instant: unknown, zone: string): string | null {
  const ms = typeof instant === 'string' ? parse(instant) : instant
  if (typeof ms !== 'number' || !(Math.abs(ms) <= furthest)) return null
  const local = new Date(ms + offsetAt(ms, zone))
  const year = local.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) return null
  return local.toISOString().slice(0, 23).replace('T', ' ')
}

const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i

function parse(text: string): number | null {
  const [, day, time = '00:00', zone = 'Z'] = iso.exec(text) ?? []
  if (day === undefined) return null
  const ms = Date.parse(`${day}T${time}${colon(zone)}`)
  return Number.isNaN(ms) ? null : ms
}

/** `+0200` and `+02`, which JavaScript does not read. */
function colon(zone: string): string {
  if (zone.length <= 1 || zone.includes(':')) return zone.toUpperCase()
  return `${zone.slice(0, 3)}:${zone.slice(3).padEnd(2, '0')}`
}

/** What is added to UTC there and then, in ms. */
export function offsetAt(ms: number, zone: string): number {
  const quarter = Math.floor(ms / quarterMs)
  const key = `${quarter} ${zone}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  if (offsets.size >= mostKept) offsets.clear()
  const offset = readOffset(quarter * quarterMs, zone)
  offsets.set(key, offset)
  return offset
}

const offsetText = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/

function readOffset(ms: number, zone: string): number {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
    formats.set(zone, format)
  }
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = offsetText.exec(
    format.format(ms),
  ) as RegExpExecArray
  const size = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  return sign === '-' ? -size : size
}
