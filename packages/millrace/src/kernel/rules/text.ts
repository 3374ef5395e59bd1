import { MillraceError } from './errors.ts'

/** Whether every database can hold this text: no NUL character and no lone surrogate. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** Throws MILL_TEXT_UNSTORABLE, with the index, when the text has a NUL character or a lone surrogate. */
export function checkStorable(text: string, where: string): string {
  if (isStorable(text)) return text
  const index = text.search(/\0|\p{Surrogate}/u)
  throw unstorable(where, text.charCodeAt(index), index)
}

/** The text with U+FFFD in place of each NUL character and lone surrogate. */
export function makeStorable(text: string): string {
  return isStorable(text) ? text : text.toWellFormed().replaceAll('\0', '\ufffd')
}

const escapes = /\\(?:u([0-9a-fA-F]{4})|[^u])/g

/**
 * The same for the text of valid JSON, where such characters may also stand escaped (`\u0000`, `\ud83d`); an
 * escaped backslash before a `u` is no escape. The index is that in the JSON text. Two searches when there is
 * no `\u` in it, else one pass over its escapes.
 */
export function checkStorableJson(json: string, where: string): string {
  checkStorable(json, where)
  if (!json.includes('\\u')) return json
  // A high surrogate waits for the low one that must follow at once.
  let high = { unit: 0, index: -1 }
  for (const { 1: hex, index } of json.matchAll(escapes)) {
    const unit = hex === undefined ? -1 : Number.parseInt(hex, 16)
    const paired = high.index >= 0 && high.index + 6 === index && isLow(unit)
    if (high.index >= 0 && !paired) throw unstorable(where, high.unit, high.index)
    if (unit === 0 || (isLow(unit) && !paired)) throw unstorable(where, unit, index)
    high = isHigh(unit) ? { unit, index } : { unit: 0, index: -1 }
  }
  if (high.index >= 0) throw unstorable(where, high.unit, high.index)
  return json
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

function unstorable(where: string, unit: number, index: number): MillraceError {
  const what = unit === 0 ? 'a NUL character' : `a lone surrogate (U+${unit.toString(16).toUpperCase()})`
  return new MillraceError(
    'MILL_TEXT_UNSTORABLE',
    `${where} has ${what} at index ${index}, which not every database can hold. Clean the text, or encode it (for example as base64).`,
    { data: { where, index } },
  )
}
