import { isDay } from '../query/instant.ts'
import type { Scalar } from '../query/query.ts'
import { shown, syntaxError } from './syntax-error.ts'
import type { Token } from './token.ts'
import { dateLiterals } from './words.ts'

const escapes: Readonly<Record<string, string>> = {
  ...{ n: '\n', N: '\n', r: '\r', R: '\r', t: '\t', T: '\t', b: '\b', B: '\b', f: '\f', F: '\f' },
  ...{ '"': '"', "'": "'", '\\': '\\', _: '_', '%': '%' },
}
const amount = /^([A-Za-z]{3})(\d+(?:\.\d+)?)$/
const zone = /(?:Z|[+-]\d\d:?\d\d)$/i

/** A bind that is `:true`, `:false` or `:null`. */
export function isConstant({ kind, text }: Token): boolean {
  return kind === 'bind' && /^(?:true|false|null)$/i.test(text)
}

/** Whether a word is a value where a value may stand. */
export function isValueWord(word: string): boolean {
  const upper = word.toUpperCase()
  return ['TRUE', 'FALSE', 'NULL'].includes(upper) || dateLiterals.has(upper) || amount.test(word)
}

/**
 * The value a token stands for. Of a text for LIKE the backslashes before `%`, `_` and `\` stay: they belong to the pattern. Throws
 * MILL_SOQL_SYNTAX for an escape, a number, a day or an instant that is none.
 */
export function scalarOf(text: string, token: Token, pattern: boolean): Scalar {
  switch (token.kind) {
    case 'text':
      return { kind: 'text', value: unescaped(text, token, pattern) }
    case 'number':
      return { kind: 'number', value: numberOf(text, token) }
    case 'date':
      return { kind: 'date', value: dayOf(text, token) }
    case 'datetime':
      return { kind: 'datetime', value: instantOf(text, token) }
    case 'dateN':
      return dateN(text, token)
    case 'gap':
      return { kind: 'value', value: Number(token.text) }
    case 'bind':
      return isConstant(token) ? wordValue(token.text) : { kind: 'bind', name: token.text }
    default:
      return wordValue(token.text)
  }
}

function wordValue(word: string): Scalar {
  const upper = word.toUpperCase()
  if (upper === 'NULL') return { kind: 'null' }
  if (upper === 'TRUE' || upper === 'FALSE') return { kind: 'boolean', value: upper === 'TRUE' }
  const [, code, value] = amount.exec(word) ?? []
  if (code !== undefined) return { kind: 'currency', code: code.toUpperCase(), value: Number(value) }
  return { kind: 'dateLiteral', name: upper }
}

function unescaped(text: string, token: Token, pattern: boolean): string {
  const body = token.text.slice(1, -1)
  if (!body.includes('\\')) return body
  return body.replace(/\\(u[0-9a-fA-F]{4}|.)/gsu, (all, what: string, at: number) => {
    if (pattern && ['\\', '%', '_'].includes(what)) return all
    if (what.length === 5) return String.fromCharCode(Number.parseInt(what.slice(1), 16))
    const meant = escapes[what]
    if (meant !== undefined) return meant
    throw syntaxError(text, token.start + 1 + at, shown(all), [String.raw`\' \" \\ \n \r \t \b \f \uXXXX`])
  })
}

function numberOf(text: string, token: Token): number {
  const value = Number(token.text)
  if (Number.isFinite(value)) return value === 0 ? 0 : value
  throw syntaxError(text, token.start, shown(token.text), ['a number of at most 1.79e308'])
}

function dayOf(text: string, token: Token): string {
  const day = token.text.slice(0, 10)
  if (isDay(day)) return day
  throw syntaxError(text, token.start, shown(token.text), ['a day of the calendar'])
}

function instantOf(text: string, token: Token): string {
  dayOf(text, token)
  const written = token.text.toUpperCase()
  if (!zone.test(written))
    throw syntaxError(text, token.start, shown(token.text), [
      'an instant with its zone: 2026-11-24T09:30:00Z',
    ])
  // Milliseconds are the finest there are.
  const value = written.replace(/([+-]\d\d)(\d\d)$/, '$1:$2').replace(/(\.\d{3})\d+/, '$1')
  if (!Number.isNaN(Date.parse(value))) return value
  throw syntaxError(text, token.start, shown(token.text), ['a time of day'])
}

function dateN(text: string, token: Token): Scalar {
  const [name = '', n] = token.text.split(':')
  if (/^\d{1,6}$/.test(n ?? '')) return { kind: 'dateLiteral', name: name.toUpperCase(), n: Number(n) }
  throw syntaxError(text, token.start, shown(token.text), ['a whole number from 0 to 999999 after ":"'])
}
