export interface Payload {
  readonly n: number
  readonly text: string
}

const text = 'the quick brown fox jumps over the lazy dog, again and again and again'

/** About 100 bytes as JSON, the same for all. */
export function payload(n: number): Payload {
  return { n, text }
}

export function payloads(first: number, count: number): Payload[] {
  return Array.from({ length: count }, (_, k) => payload(first + k))
}
