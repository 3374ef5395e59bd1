/** Text as records compare it where case does not count; null of null, other values as their text. */
export function fold(value: string | number | bigint | Uint8Array | null): string | null {
  if (typeof value === 'string') return value.toLowerCase()
  if (value === null) return null
  const text = typeof value === 'object' ? new TextDecoder().decode(value) : String(value)
  return text.toLowerCase()
}
