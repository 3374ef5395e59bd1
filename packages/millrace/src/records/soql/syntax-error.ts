import { MillraceError } from '../../kernel/rules/errors.ts'

/** Where an offset of a text is, for people: both from 1, the column in UTF-16 units. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

/** MILL_SOQL_SYNTAX at an offset of the user's own text. `data`: line, column, found, expected. */
export function syntaxError(
  text: string,
  offset: number,
  found: string,
  expected: readonly string[],
  hint = '',
): MillraceError {
  const { line, column } = placeOf(text, offset)
  const wanted = expected.length === 0 ? '' : `, expected ${listOf(expected)}`
  return new MillraceError(
    'MILL_SOQL_SYNTAX',
    `SOQL, line ${line}, column ${column}: found ${found}${wanted}.${hint === '' ? '' : ` ${hint}`}`,
    { data: { line, column, found, expected } },
  )
}

/** MILL_SOQL_UNSUPPORTED: what is Salesforce's but has no meaning here. `data`: construct, line, column. */
export function unsupported(text: string, offset: number, construct: string, reason: string): MillraceError {
  const { line, column } = placeOf(text, offset)
  return new MillraceError(
    'MILL_SOQL_UNSUPPORTED',
    `SOQL, line ${line}, column ${column}: ${construct} is not supported: ${reason}.`,
    { data: { line, column, construct } },
  )
}

/** A piece of the text in an error: short, in double quotes. */
export function shown(piece: string): string {
  const short = piece.length > 40 ? `${piece.slice(0, 39)}…` : piece
  return short === '' ? 'the end' : JSON.stringify(short)
}

function listOf(words: readonly string[]): string {
  return words.length < 2
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} or ${words[words.length - 1] ?? ''}`
}
