import { createRequire } from 'node:module'
import type * as Library from '@jetstreamapp/soql-parser-js'
import { nearestName } from '../../kernel/rules/nearest-name.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { lists, type Piece } from './outline.ts'
import { shown, syntaxError } from './syntax-error.ts'
import type { Token } from './token.ts'
import { functions, refusedFunctions } from './words.ts'

export type { Library }

let loaded: typeof Library | undefined

/** The parser library is loaded by the first query: who writes none does not wait for it. */
function library(): typeof Library {
  loaded ??= createRequire(import.meta.url)('@jetstreamapp/soql-parser-js') as typeof Library
  return loaded
}

/** The library's tree over the pieces. Throws MILL_SOQL_SYNTAX at the token in the user's text. */
export function judge(text: string, tokens: readonly Token[], pieces: readonly Piece[]): Library.Query {
  const found = attempt(pieces)
  if (typeof found !== 'string') return found
  const at = placeOfError(found, pieces)
  const token = tokens[pieces[at]?.token ?? tokens.length]
  const expected = expectedBy(found, pieces[at - 1]?.text ?? '')
  if (token?.kind === 'gap')
    throw syntaxError(
      text,
      token.start,
      'a value ${…}',
      expected,
      'A value stands for a literal, a list, LIMIT or OFFSET; names are written out.',
    )
  throw syntaxError(
    text,
    token?.start ?? text.length,
    shown(token === undefined ? '' : text.slice(token.start, token.end)),
    expected,
    hint(token, tokens, expected),
  )
}

function attempt(pieces: readonly Piece[]): Library.Query | string {
  try {
    return library().parseQuery(pieces.map((piece) => piece.text).join(' '))
  } catch (error) {
    // Each piece is a word it knows; anything else than a word in the wrong place is a fault of ours or the library's.
    if (error instanceof Error && / found(?:: | -->)/.test(` ${error.message}`)) return error.message
    throw internal(error)
  }
}

const internal = (cause: unknown): MillraceError =>
  new MillraceError('MILL_INTERNAL', 'the SOQL parser failed on what it was given.', { cause })

/**
 * The library tells the word it stumbled over, not where that stands. Names and values are known by their number; of a sign or a word
 * that occurs several times, each is replaced by one that is never right: the last that the library then stumbles over is the one.
 */
function placeOfError(message: string, pieces: readonly Piece[]): number {
  const image = /found(?:: | --> )'?(.*?)'?(?: <--)?$/s.exec(message.trimEnd())?.[1] ?? ''
  if (image === '') return pieces.length
  const same = pieces.flatMap((piece, at) => ([image, `'${image}'`].includes(piece.text) ? [at] : []))
  let low = 0
  for (let high = same.length - 1; low < high;) {
    const middle = (low + high + 1) >> 1
    if (stumblesAt(pieces, same[middle] ?? 0)) low = middle
    else high = middle - 1
  }
  return same[low] ?? pieces.length
}

function stumblesAt(pieces: readonly Piece[], at: number): boolean {
  const answer = attempt([...pieces.slice(0, at), { text: ';', token: at }])
  return typeof answer === 'string' && /found(?:: | --> )'?;'?/.test(answer)
}

/** What may come next, from the library's message, as people know it. */
function expectedBy(message: string, before: string): readonly string[] {
  if (message.includes('expecting EOF')) return ['the end or a clause that comes later']
  const single = /--> (\w+) <--/.exec(message)?.[1]
  const first = [...message.matchAll(/\[(\w+)/g)].flatMap((found) => found[1] ?? [])
  const expected = [...new Set((single === undefined ? first : [single]).flatMap(inWords))]
  // The library does not tell operators of lists from others.
  if (expected.includes('a value')) return lists.has(before) ? ['"("', 'a bind'] : ['a value']
  return expected
}

const valueKinds = new Set(
  `CURRENCY_PREFIXED_DECIMAL CURRENCY_PREFIXED_INTEGER NumberIdentifier DateIdentifier NULL TRUE FALSE DateLiteral DateNLiteral
   GEOLOCATION_UNIT StringIdentifier`.split(/\s+/),
)
const signs: Readonly<Record<string, string>> = {
  ...{ EQUAL: '"="', NOT_EQUAL: '"!="', GREATER_THAN: '">"', GREATER_THAN_OR_EQUAL: '">="' },
  ...{ LESS_THAN: '"<"', LESS_THAN_OR_EQUAL: '"<="', L_PAREN: '"("', R_PAREN: '")"', COMMA: '","' },
  ...{ UNSIGNED_INTEGER: 'a whole number', FieldsFunctionParamIdentifier: 'ALL, STANDARD or CUSTOM' },
  ...{ RParen: '")"', NOT: 'NOT IN', DataCategory: 'USER_MODE', SECURITY_ENFORCED: 'SECURITY_ENFORCED' },
}

function inWords(kind: string): readonly string[] {
  if (kind === 'COLON') return []
  if (valueKinds.has(kind)) return ['a value']
  const capital = kind.toUpperCase()
  if (kind.startsWith('Identifier')) return ['a name']
  if (functions.has(capital)) return ['a function']
  if (refusedFunctions.has(capital)) return []
  return [signs[kind] ?? capital.replaceAll('_', ' ')]
}

/** A misspelled word of SOQL is taken for a name, so the one before counts as well. */
function hint(token: Token | undefined, tokens: readonly Token[], expected: readonly string[]): string {
  if (expected.includes('a value') && token?.kind === 'word') return 'Text stands in single quotes.'
  const at = token === undefined ? tokens.length : tokens.indexOf(token)
  const wanted = [...expected.filter((word) => /^[A-Z ]+$/.test(word)), ...clauses]
  for (const near of [token, tokens[at - 1]]) {
    if (near?.kind !== 'word' || wanted.includes(near.text.toUpperCase())) continue
    const meant = nearestName(near.text.toUpperCase(), wanted)
    if (meant !== undefined) return `Did you mean ${meant} instead of ${shown(near.text)}?`
  }
  return ''
}

const clauses = ['WHERE', 'GROUP BY', 'HAVING', 'ORDER BY', 'LIMIT', 'OFFSET', 'FOR UPDATE']
