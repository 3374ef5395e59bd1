import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Comparison, Condition, Operand, Scalar } from '../query/query.ts'
import type { Library } from './grammar.ts'
import type { ConditionPlace } from './outline.ts'
import { shown, syntaxError } from './syntax-error.ts'
import type { TreeReader } from './tree.ts'

/** One condition of the library. */
interface Flat {
  readonly field?: string
  readonly fn?: Library.FunctionExp
  readonly operator: string
  readonly value?: string | readonly string[]
  readonly valueQuery?: Library.Query
}

/** The library's conditions: a row in the order of the text. */
export interface Linked {
  readonly left: Flat
  readonly right?: Linked
}

type Item =
  | { readonly kind: '(' | ')' | 'not' }
  | { readonly kind: 'and' | 'or'; readonly start: number }
  | { readonly kind: 'condition'; readonly condition: Condition }

const internal = (what: string): MillraceError => new MillraceError('MILL_INTERNAL', `SOQL: ${what}.`)

/** Nests the conditions again, by the parentheses and the NOTs that stand before each. */
export class ConditionReader {
  readonly #tree: TreeReader
  readonly #places: readonly ConditionPlace[]
  #next = 0
  #items: readonly Item[] = []
  #at = 0

  constructor(tree: TreeReader, places: readonly ConditionPlace[]) {
    this.#tree = tree
    this.#places = places
  }

  /** Throws MILL_SOQL_SYNTAX where AND and OR are mixed without parentheses, as Salesforce does. */
  read(linked: Linked): Condition {
    const items: Item[] = []
    for (let one: Linked | undefined = linked; one !== undefined; one = one.right) {
      const place = this.#places[this.#next++]
      if (place === undefined) throw internal('a condition without a place')
      if (one !== linked) items.push({ kind: place.or ? 'or' : 'and', start: place.joiner.start })
      items.push(...place.prefix.map((kind) => ({ kind }) as const))
      items.push({ kind: 'condition', condition: this.#condition(one.left, place) })
      for (let close = place.closes; close > 0; close--) items.push({ kind: ')' })
    }
    this.#items = items
    this.#at = 0
    const condition = this.#joined()
    if (this.#at < items.length) throw internal('conditions that do not nest')
    return condition
  }

  #joined(): Condition {
    const first = this.#single()
    const joiner = this.#items[this.#at]
    if (joiner?.kind !== 'and' && joiner?.kind !== 'or') return first
    const of = [first]
    for (;;) {
      const next = this.#items[this.#at]
      if (next?.kind !== 'and' && next?.kind !== 'or') return { kind: joiner.kind, of }
      if (next.kind !== joiner.kind)
        throw syntaxError(
          this.#tree.text,
          next.start,
          `${next.kind.toUpperCase()} beside ${joiner.kind.toUpperCase()}`,
          ['parentheses that tell which belong together'],
        )
      this.#at++
      of.push(this.#single())
    }
  }

  #single(): Condition {
    const item = this.#items[this.#at++]
    if (item?.kind === 'condition') return item.condition
    if (item?.kind === 'not') return { kind: 'not', of: this.#single() }
    if (item?.kind !== '(') throw internal('a condition that does not begin')
    const inner = this.#joined()
    if (this.#items[this.#at++]?.kind !== ')') throw internal('a parenthesis that does not close')
    return inner
  }

  #condition(flat: Flat, place: ConditionPlace): Condition {
    const left = this.#tree.operand(flat.field, flat.fn)
    const { operator, value, valueQuery } = flat
    switch (operator) {
      case 'IN':
      case 'NOT IN': {
        const negated = operator === 'NOT IN'
        if (valueQuery !== undefined)
          return { kind: 'inQuery', left, negated, query: this.#tree.query(valueQuery) }
        return { kind: 'in', left, negated, values: this.#values(value, place) }
      }
      case 'INCLUDES':
      case 'EXCLUDES':
        return {
          kind: 'includes',
          left,
          negated: operator === 'EXCLUDES',
          values: this.#values(value, place),
        }
      case 'LIKE':
        return this.#like(left, value, place)
      default:
        return { kind: 'compare', left, op: comparisonOf(operator), right: this.#scalar(value, place, false) }
    }
  }

  /** LIKE with a list is like any of it. */
  #like(left: Operand, value: Flat['value'], place: ConditionPlace): Condition {
    if (typeof value !== 'object') return { kind: 'like', left, pattern: this.#scalar(value, place, true) }
    const of = value.map((one): Condition => ({
      kind: 'like',
      left,
      pattern: this.#scalar(one, place, true),
    }))
    const [only] = of
    return only !== undefined && of.length === 1 ? only : { kind: 'or', of }
  }

  // The library takes lists and single values after any operator.
  #values(value: Flat['value'], place: ConditionPlace): readonly Scalar[] {
    if (typeof value === 'object') return value.map((one) => this.#tree.scalar(one))
    throw this.#wrongValue(place, 'a list in parentheses or a bind')
  }

  #scalar(value: Flat['value'], place: ConditionPlace, pattern: boolean): Scalar {
    if (typeof value === 'string') return this.#tree.scalar(value, pattern)
    throw this.#wrongValue(place, 'a single value')
  }

  #wrongValue({ value }: ConditionPlace, expected: string): MillraceError {
    const { text } = this.#tree
    return syntaxError(text, value?.start ?? text.length, shown(value?.text ?? ''), [expected])
  }
}

const comparisonOf = (operator: string): Comparison => (operator === '<>' ? '!=' : (operator as Comparison))
