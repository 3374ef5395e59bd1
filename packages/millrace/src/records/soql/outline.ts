import { nearestName } from '../../kernel/rules/nearest-name.ts'
import { isConstant, isValueWord } from './literal.ts'
import { shown, syntaxError, unsupported } from './syntax-error.ts'
import type { Token } from './token.ts'
import * as words from './words.ts'

/** One word of the text that the parser library gets, and the token it stands for. */
export interface Piece {
  readonly text: string
  readonly token: number
}

/** What the library does not tell of a condition, or loses. */
export interface ConditionPlace {
  /** Parentheses of grouping and NOTs that stand before it, in order. */
  readonly prefix: readonly ('(' | 'not')[]
  /** Parentheses of grouping that close after it. */
  readonly closes: number
  readonly operator: Token
  /** What follows the operator. */
  readonly value: Token | undefined
  /** WHERE, HAVING, AND or OR. */
  readonly joiner: Token
  readonly or: boolean
}

export interface Outline {
  readonly pieces: readonly Piece[]
  /** Of each condition, in the order of the text. */
  readonly conditions: readonly ConditionPlace[]
  readonly allRows: boolean
}

interface Frame {
  readonly kind: 'group' | 'list' | 'call' | 'subquery' | 'other'
  /** The condition in which a subquery stands. */
  readonly around: Open | undefined
}

type Open = { -readonly [K in keyof ConditionPlace]: ConditionPlace[K] }

/** Most parentheses and NOTs within each other. */
const deepest = 50
const comparisons = new Set(['=', '!=', '<>', '<', '<=', '>', '>='])
/** Operators before a list. */
export const lists = new Set(['IN', 'NOT IN', 'INCLUDES', 'EXCLUDES'])
/** Words after which a parenthesis holds values. */
const beforeList = new Set([...lists, 'LIKE'])
const beforeNot = new Set(['WHERE', 'HAVING', 'AND', 'OR'])

/**
 * Rewrites a query for the parser library, which judges the grammar and nothing else: names become `i7`, values `'v7'` (7 is the
 * number of the token), words of SOQL stay. So the library never sees a character that somebody chose, a field may be called like a
 * word it reserves, and each thing in its answer has a place in the user's text. What the library knows not, or gets wrong, is
 * taken out here and remembered: binds in LIMIT and after IN, ALL ROWS, NOT, parentheses of grouping. Throws MILL_SOQL_SYNTAX and MILL_SOQL_UNSUPPORTED.
 */
export function outline(text: string, tokens: readonly Token[]): Outline {
  return new Outliner(text, tokens).run()
}

class Outliner {
  readonly #text: string
  readonly #tokens: readonly Token[]
  readonly #pieces: Piece[] = []
  readonly #conditions: Open[] = []
  readonly #frames: Frame[] = []
  #prefix: ('(' | 'not')[] = []
  #condition: Open | undefined
  #joiner: Token | undefined
  #allRows = false
  #inTypeof = false
  #at = 0

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text
    this.#tokens = tokens
  }

  run(): Outline {
    for (; this.#at < this.#tokens.length; this.#at++) this.#token()
    if (this.#frames.length > 0) throw syntaxError(this.#text, this.#text.length, 'the end', ['")"'])
    return { pieces: this.#pieces, conditions: this.#conditions, allRows: this.#allRows }
  }

  #token(): void {
    const token = this.#peek(0)
    if (token === undefined) return
    if (token.kind === 'word') this.#word(token)
    else if (token.kind === 'sign') this.#sign(token)
    else this.#value(token)
  }

  #sign(token: Token): void {
    if (token.text === '(') this.#open()
    else if (token.text === ')') this.#close(token)
    else {
      if (comparisons.has(token.text)) this.#operator(token, 1)
      else this.#comma(token.start)
      this.#emit(token.text)
    }
  }

  #comma(start: number): void {
    const [third, second, first] = this.#pieces.slice(-3).map((piece) => piece.text)
    if (second === 'FROM' || (third === 'FROM' && first?.startsWith('i') === true))
      throw unsupported(
        this.#text,
        start,
        'FROM with several objects',
        'write the path to the parent instead, as in Account.Name',
      )
  }

  #open(): void {
    const kind = this.#frameKind()
    this.#frames.push({ kind, around: this.#condition })
    if (kind === 'group') this.#prefix.push('(')
    else this.#emit('(')
    this.#bound()
  }

  #frameKind(): Frame['kind'] {
    if (this.#upper(1) === 'SELECT') return 'subquery'
    const before = this.#last()
    if (beforeList.has(before)) return 'list'
    if (words.functions.has(before)) return 'call'
    return this.#conditionBegins() ? 'group' : 'other'
  }

  #close({ start }: Token): void {
    const frame = this.#frames.pop()
    if (frame === undefined) throw syntaxError(this.#text, start, '")"', ['no ")" here'])
    if (frame.kind === 'list' && this.#last() === '(')
      throw syntaxError(this.#text, start, '")"', ['a value'], 'A list may be empty only as a bind or value.')
    if (frame.kind === 'group') {
      if (this.#joiner !== undefined || this.#condition === undefined || !this.#conditionEnded())
        throw syntaxError(this.#text, start, '")"', ['a whole condition before it'])
      this.#condition.closes++
      return
    }
    if (frame.kind === 'subquery') {
      this.#condition = frame.around
      this.#joiner = undefined
      this.#prefix = []
    }
    this.#emit(')')
  }

  /** After WHERE, AND and the like, and the NOTs and parentheses behind these. */
  #conditionBegins(): boolean {
    const last = this.#upper(-1)
    return beforeNot.has(last) || (this.#prefix.length > 0 && (last === '(' || last === 'NOT'))
  }

  #conditionEnded(): boolean {
    const last = this.#last()
    return last === ')' || last.startsWith("'v")
  }

  #bound(): void {
    const depth = this.#frames.length + this.#prefix.filter((one) => one === 'not').length
    if (depth > deepest)
      throw syntaxError(this.#text, this.#peek(0)?.start ?? 0, `a query nested deeper than ${deepest}`, [
        'a simpler one',
      ])
  }

  #value(token: Token): void {
    const before = this.#last()
    const free = token.kind === 'bind' || token.kind === 'gap'
    if (before === 'LIMIT' || before === 'OFFSET') {
      const whole = token.kind === 'number' && /^\d+$/.test(token.text)
      if (!whole && (!free || isConstant(token)))
        throw syntaxError(this.#text, token.start, shown(token.text), ['a whole number', 'a bind'])
      this.#emit(String(this.#at))
    } else if (free && lists.has(before)) {
      for (const piece of ['(', `'v${this.#at}'`, ')']) this.#emit(piece)
    } else this.#emit(`'v${this.#at}'`)
  }

  #word(token: Token): void {
    const upper = token.text.toUpperCase()
    const pair = this.#pair(token, upper)
    if (this.#valueStandsHere() && isValueWord(token.text)) this.#value(token)
    else if (this.#called(token, upper)) this.#emit(upper)
    else if (this.#frames.at(-1)?.kind === 'call' && this.#pieces.at(-2)?.text === 'FIELDS') this.#emit(upper)
    else if (pair !== undefined) this.#keyword(token, pair, 2)
    else if (this.#stays(upper)) this.#keyword(token, upper, 1)
    else if (upper === 'NOT') this.#not(token)
    else this.#emit(`i${this.#at}`)
  }

  /** Whether it is a function. Throws for a name before a parenthesis that is none. */
  #called(token: Token, upper: string): boolean {
    if (this.#upper(1) !== '(') return false
    const reason = words.refusedFunctions.get(upper)
    if (reason !== undefined) throw unsupported(this.#text, token.start, `${upper}()`, reason)
    if (words.functions.has(upper)) return true
    if (words.reservedWords.has(upper) || upper === 'INCLUDES' || upper === 'EXCLUDES') return false
    const near = nearestName(upper, [...words.functions])
    throw syntaxError(
      this.#text,
      token.start,
      `${shown(token.text)} before "("`,
      ['a function'],
      near === undefined ? '' : `Did you mean ${near}?`,
    )
  }

  /** Two words that make one. FOR VIEW and FOR REFERENCE mark what was looked at: here nothing is marked, so they change nothing. */
  #pair(token: Token, upper: string): string | undefined {
    const next = this.#upper(1)
    const both = `${upper} ${next}`
    switch (both) {
      case 'ORDER BY':
      case 'GROUP BY':
      case 'NOT IN':
      case 'NULLS FIRST':
      case 'NULLS LAST':
      case 'FOR UPDATE':
      case 'WITH SECURITY_ENFORCED':
      case 'WITH USER_MODE':
      case 'WITH SYSTEM_MODE':
      case 'FOR VIEW':
      case 'FOR REFERENCE':
        return both
      case 'WITH DATA':
        throw unsupported(this.#text, token.start, 'WITH DATA CATEGORY', 'objects have no data categories')
      case 'UPDATE TRACKING':
      case 'UPDATE VIEWSTAT':
        throw unsupported(this.#text, token.start, both, 'there are no statistics of articles')
      case 'USING SCOPE':
        return this.#scope()
      case 'ALL ROWS':
        return this.#rows()
      default:
        return undefined
    }
  }

  #scope(): string | undefined {
    const scope = this.#peek(2)
    if (scope?.kind !== 'word') return undefined
    if (!['EVERYTHING', 'MINE'].includes(scope.text.toUpperCase()))
      throw unsupported(
        this.#text,
        scope.start,
        `USING SCOPE ${scope.text}`,
        'the scopes are everything and mine',
      )
    return 'USING SCOPE'
  }

  /** ALL ROWS stands last, or before FOR; elsewhere they are names. */
  #rows(): string | undefined {
    const after = this.#upper(2)
    if (this.#frames.length > 0 || (after !== '' && after !== 'FOR')) return undefined
    if (['FROM', 'SELECT', ','].includes(this.#last())) return undefined
    this.#allRows = true
    return ''
  }

  /** A single word that the library shall see as such. */
  #stays(upper: string): boolean {
    const next = this.#peek(1)
    const value = next !== undefined && ['number', 'bind', 'gap'].includes(next.kind)
    if (upper === 'TYPEOF') return next?.kind === 'word' && ['SELECT', ','].includes(this.#last())
    if (['WHEN', 'THEN', 'ELSE', 'END'].includes(upper)) return this.#inTypeof
    if (upper === 'EVERYTHING' || upper === 'MINE') return this.#last() === 'USING SCOPE'
    if (upper === 'OFFSET') return value
    if (upper === 'INCLUDES' || upper === 'EXCLUDES') return value || next?.text === '('
    return upper !== 'NOT' && words.reservedWords.has(upper)
  }

  #keyword(token: Token, word: string, size: number): void {
    const [first = ''] = word.split(' ')
    const frame = this.#frames.at(-1)
    if (words.clauseWords.has(first) && frame !== undefined && frame.kind !== 'subquery')
      throw syntaxError(this.#text, token.start, shown(word), ['")"'])
    if (word === 'LIKE' || lists.has(word)) this.#operator(token, size)
    if (beforeNot.has(word)) this.#join(word)
    if (word === 'TYPEOF') this.#inTypeof = true
    if (word === 'END') this.#inTypeof = false
    if (word === 'OFFSET' && this.#pieces.at(-2)?.text !== 'LIMIT') this.#emitNoLimit()
    if (word !== '') this.#emit(word)
    this.#at += size - 1
  }

  /** The library lets conditions stand side by side, and AND before the first. */
  #join(word: string): void {
    if ((word === 'AND' || word === 'OR') && (this.#joiner !== undefined || !this.#conditionEnded()))
      throw syntaxError(this.#text, this.#peek(0)?.start ?? 0, shown(word), ['a condition'])
    this.#prefix = []
    this.#joiner = this.#peek(0)
  }

  /** A condition is told by its operator: the library tells them in the same order. */
  #operator(operator: Token, size: number): void {
    const joiner = this.#joiner
    if (joiner === undefined) {
      const left = this.#peek(-1)
      throw syntaxError(this.#text, left?.start ?? 0, shown(left?.text ?? ''), [
        'AND or OR before a condition',
      ])
    }
    const or = joiner.text.toUpperCase() === 'OR'
    this.#condition = { prefix: this.#prefix, closes: 0, operator, value: this.#peek(size), joiner, or }
    this.#conditions.push(this.#condition)
    this.#prefix = []
    this.#joiner = undefined
  }

  #not(token: Token): void {
    const fits = this.#conditionBegins()
    const next = this.#peek(1)
    if (!fits || (next?.kind !== 'word' && this.#upper(1) !== '('))
      throw fits
        ? syntaxError(this.#text, next?.start ?? this.#text.length, shown(next?.text ?? ''), ['a condition'])
        : syntaxError(this.#text, token.start, shown(token.text), ['a comparison', 'a name'])
    this.#prefix.push('not')
    this.#bound()
  }

  #valueStandsHere(): boolean {
    const last = this.#last()
    return (
      comparisons.has(last) ||
      last === 'LIKE' ||
      (this.#frames.at(-1)?.kind === 'list' && (last === '(' || last === ','))
    )
  }

  /** Before OFFSET alone: the library would read it as the next condition. The number is that of no token. */
  #emitNoLimit(): void {
    this.#emit('LIMIT')
    this.#emit(String(this.#tokens.length))
  }

  #emit(text: string): void {
    this.#pieces.push({ text, token: this.#at })
  }

  #last(): string {
    return this.#pieces.at(-1)?.text ?? ''
  }

  #peek(ahead: number): Token | undefined {
    return this.#tokens[this.#at + ahead]
  }

  /** The word or sign there in capitals; empty for values and beyond the end. */
  #upper(ahead: number): string {
    const token = this.#peek(ahead)
    return token?.kind === 'word' || token?.kind === 'sign' ? token.text.toUpperCase() : ''
  }
}
