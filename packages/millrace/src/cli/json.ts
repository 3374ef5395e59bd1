/** One JSON document. What JSON does not know becomes what comes nearest: BigInt and URL text, Set a list, Map a list of pairs. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => plain(inner), 2) ?? 'null'
}

export function printJson(value: unknown): void {
  process.stdout.write(`${toJson(value)}\n`)
}

/** One object on one line, for commands that print while they run. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, (_key, inner: unknown) => plain(inner))}\n`)
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Map) return [...value]
  if (value instanceof Set) return [...value]
  if (value instanceof RegExp) return String(value)
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Uint8Array)
  return value
}
