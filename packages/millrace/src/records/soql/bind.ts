import { shown, syntaxError } from './syntax-error.ts'

const blank = /(?:\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*)*/y
const word = /[A-Za-z_]\w*/y
const numeral = /\d+(?:\.\d+)?[LlDd]?/y
const typeName = /^\s*[A-Za-z_][\w.]*\s*(?:<[\w\s.,<>]*>\s*)?(?:\[\s*\])?\s*$/
const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }
const soqlWord =
  /(?:AND|OR|NOT|WITH|GROUP|HAVING|ORDER|LIMIT|OFFSET|FOR|ALL|ASC|DESC|NULLS|UPDATE|FROM|WHERE|USING)\b/iy
/** Most brackets within each other, and most operands in a row of casts and signs. */
const deepest = 50

/** Where white space and comments from `at` on end. Throws MILL_SOQL_SYNTAX for a comment that does not. */
export function afterBlank(text: string, at: number): number {
  blank.lastIndex = at
  blank.test(text)
  const end = blank.lastIndex
  if (text.startsWith('/*', end)) throw syntaxError(text, end, 'a comment that is never closed', ['*/'])
  return end
}

/** Where the quoted text that begins at `at` ends. Throws MILL_SOQL_SYNTAX when it does not. */
export function afterQuoted(text: string, at: number): number {
  for (let next = at + 1; next < text.length; next++) {
    if (text[next] === '\\') next++
    else if (text[next] === "'") return next + 1
  }
  throw syntaxError(text, at, 'a quote that is never closed', ["'"])
}

/**
 * Reads an Apex expression, as far as it goes: names, paths, calls, indexes, `new …`, casts, literals, arithmetic. Answers where it
 * ends. Nothing is evaluated: the expression as written is the bind's name.
 */
export function afterBind(text: string, at: number): number {
  let end = operand(text, at, 0)
  for (;;) {
    const next = afterBlank(text, end)
    if (!'+-*/%&|^'.includes(text[next] ?? ' ')) return end
    const doubled = text[next] === text[next + 1] && '&|'.includes(text[next] ?? '') ? 2 : 1
    end = operand(text, next + doubled, 0)
  }
}

/** The expression without white space and comments, but with what its quotes hold; `new` stays apart from its type. */
export function bindName(expression: string): string {
  const parts: string[] = []
  for (let at = afterBlank(expression, 0); at < expression.length;) {
    const end = expression[at] === "'" ? afterQuoted(expression, at) : at + 1
    const next = afterBlank(expression, end)
    parts.push(expression.slice(at, end))
    if (next > end && /(?:^|\W)new$/i.test(expression.slice(Math.max(0, end - 4), end))) parts.push(' ')
    at = next
  }
  return parts.join('')
}

function operand(text: string, from: number, depth: number): number {
  const at = afterBlank(text, from)
  if (depth > deepest) throw syntaxError(text, at, 'an expression nested too deep', ['a simpler bind'])
  const char = text[at] ?? ''
  if (char === "'") return postfix(text, afterQuoted(text, at))
  if (char !== '' && '-+!~'.includes(char)) return operand(text, at + 1, depth + 1)
  if (char === '(') {
    const end = afterBrackets(text, at)
    return isCast(text, at, end) ? operand(text, end, depth + 1) : postfix(text, end)
  }
  const number = matched(numeral, text, at)
  if (number > at) return number
  const end = matched(word, text, at)
  if (end === at) throw syntaxError(text, at, shown(char), ['the name of a bind after ":"'])
  if (text.slice(at, end).toLowerCase() === 'new' && matched(word, text, afterBlank(text, end)) > end)
    return postfix(text, afterType(text, afterBlank(text, end)))
  return postfix(text, end)
}

/** `.name`, `?.name`, `(…)`, `[…]`, `{…}` as often as they follow. */
function postfix(text: string, from: number): number {
  let end = from
  for (;;) {
    const next = afterBlank(text, end)
    const char = text[next] ?? ''
    const dot = char === '.' ? 1 : text.startsWith('?.', next) ? 2 : 0
    if (dot > 0) {
      const name = afterBlank(text, next + dot)
      end = matched(word, text, name)
      if (end === name) throw syntaxError(text, name, shown(text[name] ?? ''), ['a name after "."'])
    } else if (char in closing) end = afterBrackets(text, next)
    else return end
  }
}

/** `Map<Id, List<Account>>`. */
function afterType(text: string, at: number): number {
  let end = matched(word, text, at)
  while (text[end] === '.') end = matched(word, text, end + 1)
  const open = afterBlank(text, end)
  if (text[open] !== '<') return end
  let depth = 0
  for (let next = open; next < text.length; next++) {
    if (text[next] === '<') depth++
    else if (text[next] === '>' && --depth === 0) return next + 1
    else if (!/[\w\s.,>]/.test(text[next] ?? '')) break
  }
  throw syntaxError(text, open, shown('<'), ['type arguments'])
}

function isCast(text: string, open: number, end: number): boolean {
  const next = afterBlank(text, end)
  if (!typeName.test(text.slice(open + 1, end - 1)) || matched(word, text, next) === next) return false
  soqlWord.lastIndex = next
  return !soqlWord.test(text)
}

function afterBrackets(text: string, at: number): number {
  const open: string[] = []
  for (let next = at; next < text.length; next = afterBlank(text, next)) {
    const char = text[next] ?? ''
    if (char === "'") {
      next = afterQuoted(text, next)
      continue
    }
    const close = closing[char]
    if (close !== undefined) open.push(close)
    else if (char === open.at(-1)) open.pop()
    else if (')]}'.includes(char)) throw syntaxError(text, next, shown(char), [shown(open.at(-1) ?? '')])
    next++
    if (open.length === 0) return next
    if (open.length > deepest)
      throw syntaxError(text, next, 'an expression nested too deep', ['a simpler bind'])
  }
  throw syntaxError(text, at, `${shown(text[at] ?? '')} that is never closed`, [shown(open.at(-1) ?? '')])
}

function matched(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}
