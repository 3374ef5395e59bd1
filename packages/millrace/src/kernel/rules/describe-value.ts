/**
 * A value as an error message shows it: text in quotes, anything else as short JSON or by its kind. At most
 * `limit` characters (default 80). Never throws, whatever getters, proxies or toJSON do.
 */
export function describeValue(value: unknown, limit = 80): string {
  const shown = describe(value)
  return shown.length > limit ? `${shown.slice(0, limit - 1)}…` : shown
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'object':
      return describeData(value)
    case 'function':
      return 'a function'
    case 'bigint':
      return `${value}n`
    default:
      return String(value)
  }
}

function describeData(value: string | object | null): string {
  try {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
    return jsonOf(value) ?? 'an object'
  } catch {
    return 'an object'
  }
}

function jsonOf(value: unknown): string | undefined {
  return JSON.stringify(value)
}
