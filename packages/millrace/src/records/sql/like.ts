import type { LikePattern, LikeToken } from './dialect.ts'

/**
 * A LIKE pattern of SOQL: `%` any text, `_` one character, `\` before a character takes it as it stands (also at the end, where
 * nothing follows).
 */
export function parseLike(pattern: string): LikePattern {
  const tokens: LikeToken[] = []
  let text = ''
  const end = (token?: LikeToken): void => {
    if (text !== '') tokens.push({ text })
    text = ''
    // Several % in a row mean the same as one, and cost databases much.
    if (token !== undefined && !(token === 'any' && tokens.at(-1) === 'any')) tokens.push(token)
  }
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at)
    if (char === '%') end('any')
    else if (char === '_') end('one')
    else if (char === '\\' && at + 1 < pattern.length) text += pattern.charAt((at += 1))
    else text += char
  }
  end()
  return tokens
}

/** For LIKE … ESCAPE '\'. */
export function likeText(pattern: LikePattern, fold: boolean): string {
  return pattern
    .map((token) =>
      typeof token === 'string'
        ? token === 'any'
          ? '%'
          : '_'
        : cased(token.text, fold).replace(/[\\%_]/g, '\\$&'),
    )
    .join('')
}

/** For SQLite's GLOB, which heeds case where its LIKE does not. */
export function globText(pattern: LikePattern): string {
  return pattern
    .map((token) =>
      typeof token === 'string' ? (token === 'any' ? '*' : '?') : token.text.replace(/[*?[]/g, '[$&]'),
    )
    .join('')
}

/** Whether empty text matches; SOQL counts it as null, which does not. */
export function matchesEmpty(pattern: LikePattern): boolean {
  return pattern.every((token) => token === 'any')
}

/** Text that every match begins with. */
export function likePrefix(pattern: LikePattern): string {
  const [first] = pattern
  return typeof first === 'object' ? first.text : ''
}

const cased = (text: string, fold: boolean): string => (fold ? text.toLowerCase() : text)
