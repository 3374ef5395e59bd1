/** Text as records compare it where case does not count; null of null, other values as their text. */
export function fold(value: unknown): string | null {
  if (typeof value === 'string') return value.toLowerCase()
  if (value === null || value === undefined) return null
  const text =
    value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value)
  return text.toLowerCase()
}
