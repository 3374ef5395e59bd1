import { afterBind, afterBlank, afterQuoted, bindName } from './bind.ts'
import { shown, syntaxError } from './syntax-error.ts'
import { dateNLiterals } from './words.ts'

export type TokenKind =
  | 'word' // a name, a path or a word of SOQL
  | 'text'
  | 'number'
  | 'date'
  | 'datetime'
  | 'dateN' // LAST_N_DAYS:7
  | 'bind'
  | 'gap' // ${} of a template
  | 'sign' // parenthesis, comma, comparison

export interface Token {
  readonly kind: TokenKind
  /** As written; of a bind its name; of a gap its number. */
  readonly text: string
  readonly start: number
  readonly end: number
}

// Order matters: a date begins like a number.
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ['datetime', /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?/iy],
  ['date', /\d{4}-\d\d-\d\d/y],
  ['number', /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/iy],
  ['word', /[A-Za-z]\w*(?:\.[A-Za-z_]\w*)*/y],
  ['sign', /[(),]|<=|>=|!=|<>|[=<>]/y],
]
/** `USD5000.50`: what looks like a name is an amount. */
const cents = /\.\d+/y
const amount = /^[A-Za-z]{3}\d+$/
const nOfLiteral = /\s*:\s*([+-]?\d+)/y

/**
 * Cuts a query into tokens; white space and comments (`/* *\/`, `//`) fall out. `gaps` are the offsets at which a template has its
 * values, ascending. Throws MILL_SOQL_SYNTAX.
 */
export function tokenize(text: string, gaps: readonly number[] = []): readonly Token[] {
  const tokens: Token[] = []
  let gap = 0
  for (let at = 0; ;) {
    const start = afterBlank(text, at)
    // A gap comes before what begins at its offset, also where only white space stands around it.
    const gapAt = gaps[gap]
    if (gapAt !== undefined && gapAt <= start) {
      if (gapAt > at && !whole.test(text.slice(at, gapAt))) throw gapInside(text, gapAt, 'a comment')
      tokens.push({ kind: 'gap', text: String(gap), start: gapAt, end: gapAt })
      at = gapAt
      gap++
      continue
    }
    if (start >= text.length) return tokens
    if (text[start] === ':' && gapAt !== undefined && gapAt <= afterBlank(text, start + 1))
      throw syntaxError(text, start, '":" before ${…}', [], 'Leave the colon out.')
    const token = read(text, start)
    if (gapAt !== undefined && gapAt < token.end)
      throw gapInside(text, gapAt, token.kind === 'text' ? 'quotes' : shown(token.text))
    tokens.push(token)
    at = token.end
  }
}

function read(text: string, start: number): Token {
  const char = text[start] ?? ''
  if (char === "'") {
    const end = afterQuoted(text, start)
    return { kind: 'text', text: text.slice(start, end), start, end }
  }
  if (char === ':') {
    const end = afterBind(text, start + 1)
    const name = bindName(text.slice(start + 1, end))
    return { kind: literalKind(name) ?? 'bind', text: name, start, end }
  }
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = start
    if (!pattern.test(text)) continue
    const token = { kind, text: text.slice(start, pattern.lastIndex), start, end: pattern.lastIndex }
    if (kind === 'word') return longer(text, token)
    if (kind !== 'sign' && /\w/.test(text[token.end] ?? ''))
      throw syntaxError(text, start, shown(wordAt(text, start)), ['a number, a date or a name'])
    return token
  }
  const hint = char === '"' ? 'Text stands in single quotes.' : ''
  throw syntaxError(text, start, shown(String.fromCodePoint(text.codePointAt(start) ?? 0)), ['SOQL'], hint)
}

/** A bind whose expression is a text or a number is just that. */
function literalKind(name: string): TokenKind | undefined {
  if (/^'(?:[^'\\]|\\.)*'$/s.test(name)) return 'text'
  return /^-?\d+(?:\.\d+)?$/.test(name) ? 'number' : undefined
}

function longer(text: string, token: Token): Token {
  if (dateNLiterals.has(token.text.toUpperCase())) {
    nOfLiteral.lastIndex = token.end
    const found = nOfLiteral.exec(text)
    if (found !== null) {
      const end = nOfLiteral.lastIndex
      return { kind: 'dateN', text: `${token.text}:${found[1] ?? ''}`, start: token.start, end }
    }
  }
  cents.lastIndex = token.end
  if (!amount.test(token.text) || !cents.test(text)) return token
  return { ...token, text: text.slice(token.start, cents.lastIndex), end: cents.lastIndex }
}

const wordAt = (text: string, at: number): string => /^\S+/.exec(text.slice(at, at + 60))?.[0] ?? ''

/** Blanks and whole comments; what is between two tokens and is not all of these ends within a comment. */
const whole = /^(?:\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*\n)*$/

function gapInside(text: string, at: number, where: string): Error {
  const hint =
    where === 'quotes'
      ? 'Leave the quotes out: a value is never text of the query. For LIKE put the % into the value.'
      : 'A value stands for a literal, a list, LIMIT or OFFSET; names are written out.'
  return syntaxError(text, at, `\${…} within ${where}`, [], hint)
}
