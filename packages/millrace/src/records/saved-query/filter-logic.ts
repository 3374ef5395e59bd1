/** How numbered filters combine: `1 AND (2 OR NOT 3)`. */
export type FilterLogic =
  | { readonly kind: 'filter'; readonly number: number }
  | { readonly kind: 'and' | 'or'; readonly of: readonly FilterLogic[] }
  | { readonly kind: 'not'; readonly of: FilterLogic }

export type ParsedLogic =
  | { readonly logic: FilterLogic; readonly problem?: undefined }
  | { readonly logic?: undefined; readonly problem: string }

const longest = 1_000
const token = /\s*(?:(\d+)|(and|or|not)\b|([()])|(\S))/giy

class LogicProblem extends Error {}

/**
 * Reads filter logic over `filters` numbered from 1: AND, OR and NOT in any case, parentheses. Each filter must occur, and AND and OR
 * stand side by side only with parentheses, so that nobody has to know which binds first. Never throws.
 */
export function parseFilterLogic(text: string, filters: number): ParsedLogic {
  try {
    if (text.length > longest)
      throw new LogicProblem(`has ${text.length} characters; at most ${longest} are read`)
    const logic = new Parser(tokensOf(text)).whole()
    checkNumbers(logic, filters)
    return { logic }
  } catch (error) {
    if (error instanceof LogicProblem) return { problem: error.message }
    throw error
  }
}

/** What holds without any logic: all filters together; undefined when there are none. */
export function allOf(filters: number): FilterLogic | undefined {
  const of = Array.from({ length: filters }, (_, at): FilterLogic => ({ kind: 'filter', number: at + 1 }))
  return of.length > 1 ? { kind: 'and', of } : of[0]
}

interface Token {
  readonly text: string
  /** Character on which it begins, from 1. */
  readonly at: number
}

function tokensOf(text: string): readonly Token[] {
  return [...text.matchAll(token)].map(({ 0: whole, 1: digits, 2: word, 3: mark, 4: stray, index }) => {
    const at = index + whole.length - whole.trimStart().length + 1
    if (stray !== undefined)
      throw new LogicProblem(
        `has ${JSON.stringify(stray)} at ${at}; it takes numbers, AND, OR, NOT and parentheses`,
      )
    return { text: (digits ?? word ?? mark ?? '').toUpperCase(), at }
  })
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): FilterLogic {
    const logic = this.#chain()
    const rest = this.#tokens[this.#next]
    if (rest !== undefined)
      throw new LogicProblem(`has ${rest.text} at ${rest.at}, where AND, OR or the end is expected`)
    return logic
  }

  #chain(): FilterLogic {
    const first = this.#one()
    const joint = this.#tokens[this.#next]?.text
    if (joint !== 'AND' && joint !== 'OR') return first
    const of = [first]
    for (let next = this.#peek(); next?.text === 'AND' || next?.text === 'OR'; next = this.#peek()) {
      if (next.text !== joint)
        throw new LogicProblem(`mixes AND and OR at ${next.at}; put parentheses around one of them`)
      this.#next += 1
      of.push(this.#one())
    }
    return { kind: joint === 'AND' ? 'and' : 'or', of }
  }

  #one(): FilterLogic {
    const { text, at } = this.#peek() ?? { text: 'the end', at: 0 }
    this.#next += 1
    if (text === 'NOT') return { kind: 'not', of: this.#one() }
    if (/^\d+$/.test(text)) return { kind: 'filter', number: Number(text) }
    if (text !== '(')
      throw new LogicProblem(
        `has ${text}${at === 0 ? '' : ` at ${at}`}, where the number of a filter, NOT or ( is expected`,
      )
    const inner = this.#chain()
    const close = this.#peek()
    if (close?.text !== ')') throw new LogicProblem(`opens a parenthesis at ${at} and does not close it`)
    this.#next += 1
    return inner
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next]
  }
}

function checkNumbers(logic: FilterLogic, filters: number): void {
  const used = new Set(numbersOf(logic))
  const strangers = [...used].filter((number) => number < 1 || number > filters)
  if (strangers.length > 0)
    throw new LogicProblem(
      `names filter ${strangers.join(', ')}; ${filters === 0 ? 'there are none' : `there are 1 to ${filters}`}`,
    )
  const missing = Array.from({ length: filters }, (_, at) => at + 1).filter((number) => !used.has(number))
  if (missing.length > 0)
    throw new LogicProblem(`leaves out filter ${missing.join(', ')}; each must be named`)
}

function numbersOf(logic: FilterLogic): readonly number[] {
  if (logic.kind === 'filter') return [logic.number]
  return logic.kind === 'not' ? numbersOf(logic.of) : logic.of.flatMap(numbersOf)
}
