/**
 * How texts compare in SOQL: upper and lower case are alike ("Comparison Operators"), sorting goes by UTF-8 values ("ORDER BY",
 * English locale). Case is taken away as JavaScript's `toLowerCase()` does, so ß stays apart from ss.
 */
export const fold = (text: string): string => text.toLowerCase()

/** Order by UTF-8 bytes, which is the order of code points. */
export const compareText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** `%` any signs, `_` one sign, a backslash takes the next sign for what it is. */
export function like(text: string, pattern: string): boolean {
  const signs = Array.from(text)
  const wanted = tokens(pattern)
  // reached[j]: the first j tokens match what was read so far.
  let reached = startOf(wanted)
  for (const sign of signs) {
    const next = new Array<boolean>(wanted.length + 1).fill(false)
    for (let at = 0; at < wanted.length; at++) {
      const token = wanted[at]
      if (token === undefined) continue
      if (token.any && (reached[at] || next[at] || reached[at + 1])) next[at + 1] = true
      if (!token.any && reached[at] && (token.one || token.sign === sign)) next[at + 1] = true
    }
    reached = next
  }
  return reached[wanted.length] ?? false
}

interface Token {
  readonly any: boolean
  readonly one: boolean
  readonly sign: string
}

function tokens(pattern: string): readonly Token[] {
  const out: Token[] = []
  const signs = Array.from(pattern)
  for (let at = 0; at < signs.length; at++) {
    const sign = signs[at] ?? ''
    if (sign === '\\' && at + 1 < signs.length) out.push({ any: false, one: false, sign: signs[++at] ?? '' })
    else out.push({ any: sign === '%', one: sign === '_', sign })
  }
  return out
}

function startOf(wanted: readonly Token[]): boolean[] {
  const reached = [true]
  for (const [at, token] of wanted.entries()) reached[at + 1] = token.any && reached[at] === true
  return reached
}
