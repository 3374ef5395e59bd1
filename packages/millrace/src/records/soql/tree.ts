import type { Call, GroupBy, Operand, Ordering, Query, Scalar, Selected } from '../query/query.ts'
import { ConditionReader, type Linked } from './condition.ts'
import type { Library } from './grammar.ts'
import { scalarOf } from './literal.ts'
import type { ConditionPlace } from './outline.ts'
import { shown, syntaxError, unsupported } from './syntax-error.ts'
import type { Token } from './token.ts'

type Argument = string | Library.FunctionExp
type Inner = Omit<Query, 'from'>

/** Makes the neutral query of the library's tree, in which names and values stand by their numbers. */
export class TreeReader {
  readonly text: string
  readonly #tokens: readonly Token[]
  readonly #conditions: ConditionReader

  constructor(text: string, tokens: readonly Token[], conditions: readonly ConditionPlace[]) {
    this.text = text
    this.#tokens = tokens
    this.#conditions = new ConditionReader(this, conditions)
  }

  /** Throws MILL_SOQL_SYNTAX for what the grammar of the library lets pass. */
  query(tree: Library.Query): Query {
    const from = this.token(tree.sObject ?? '')
    if (from.text.includes('.'))
      throw syntaxError(this.text, from.start, shown(from.text), ['the name of an object'])
    return { from: from.text, ...this.#clauses(tree) }
  }

  token(written: string): Token {
    const token = this.#tokens[Number(/\d+/.exec(written)?.[0])]
    if (token === undefined) throw new TypeError(`no token ${written}`)
    return token
  }

  path(written: string): readonly string[] {
    return this.token(written).text.split('.')
  }

  scalar(written: string, pattern = false): Scalar {
    return scalarOf(this.text, this.token(written), pattern)
  }

  operand(field: string | undefined, fn: Library.FunctionExp | undefined): Operand {
    return fn === undefined
      ? { kind: 'field', path: this.path(field ?? '') }
      : { kind: 'call', call: this.#call(fn) }
  }

  // Conditions are counted in the order of the text, so the clauses are read in that order.
  #clauses(tree: Library.QueryBase): Inner {
    const select = (tree.fields ?? []).map((one) => this.#selected(one))
    if (select.length > 1 && select.some(({ kind }) => kind === 'count'))
      throw syntaxError(this.text, this.#word('COUNT'), 'COUNT() beside other fields', [
        'COUNT() alone, or COUNT(Id)',
      ])
    const where = tree.where === undefined ? undefined : this.#conditions.read(tree.where as Linked)
    const having = tree.having === undefined ? undefined : this.#conditions.read(tree.having as Linked)
    return {
      ...(tree.sObjectAlias === undefined ? {} : { alias: this.token(tree.sObjectAlias).text }),
      select,
      ...(where === undefined ? {} : { where }),
      ...(tree.groupBy === undefined ? {} : { groupBy: this.#groupBy([tree.groupBy].flat()) }),
      ...(having === undefined ? {} : { having }),
      ...(tree.orderBy === undefined
        ? {}
        : { orderBy: [tree.orderBy].flat().map((one) => this.#ordering(one)) }),
      // The number of no token stands before an OFFSET without LIMIT.
      ...(tree.limit === undefined || tree.limit === this.#tokens.length
        ? {}
        : { limit: this.scalar(String(tree.limit)) }),
      ...(tree.offset === undefined ? {} : { offset: this.scalar(String(tree.offset)) }),
      ...(tree.usingScope === undefined ? {} : { scope: tree.usingScope === 'MINE' ? 'mine' : 'everything' }),
      ...this.#mode(tree),
      ...(tree.for === 'UPDATE' ? { forUpdate: true } : {}),
    }
  }

  #selected(field: Library.FieldType): Selected {
    switch (field.type) {
      case 'FieldSubquery':
        return this.#children(field.subquery)
      case 'FieldTypeof': {
        const when = field.conditions.filter(({ type }) => type === 'WHEN')
        const otherwise = field.conditions.find(({ type }) => type === 'ELSE')?.fieldList ?? []
        return {
          kind: 'typeof',
          relationship: this.path(field.field),
          when: when.map(({ objectType = '', fieldList }) => ({
            object: this.token(objectType).text,
            fields: fieldList.map((one) => this.path(one)),
          })),
          otherwise: otherwise.map((one) => this.path(one)),
        }
      }
      case 'FieldFunctionExpression':
        return this.#selectedCall(field)
      default:
        return {
          kind: 'field',
          path: this.path(field.field),
          ...this.#alias('alias' in field ? field.alias : undefined),
        }
    }
  }

  #selectedCall(field: Library.FieldFunctionExpression): Selected {
    if (field.functionName === 'FIELDS') {
      const [which] = field.parameters
      return { kind: 'fields', which: which === 'ALL' ? 'all' : which === 'CUSTOM' ? 'custom' : 'standard' }
    }
    if (field.functionName === 'COUNT' && field.parameters.length === 0 && field.alias === undefined)
      return { kind: 'count' }
    return { kind: 'call', call: this.#call(field), ...this.#alias(field.alias) }
  }

  #children(tree: Library.Subquery): Selected {
    const path = this.path(tree.relationshipName)
    const token = this.token(tree.relationshipName)
    if (path.length > 2)
      throw unsupported(
        this.text,
        token.start,
        `FROM ${token.text}`,
        'a subquery reads children of the object',
      )
    return { kind: 'children', relationship: path.at(-1) ?? '', query: this.#clauses(tree) }
  }

  /** Where a word of SOQL stands, for errors of clauses that seldom occur twice. */
  #word(word: string): number {
    return this.#tokens.find(({ kind, text }) => kind === 'word' && text.toUpperCase() === word)?.start ?? 0
  }

  #alias(written: string | undefined): { alias?: string } {
    return written === undefined ? {} : { alias: this.token(written).text }
  }

  #call(fn: Library.FunctionExp): Call {
    const name = fn.rawValue?.split('(')[0] ?? ''
    return { name, args: ((fn.parameters ?? []) as Argument[]).map((one) => this.#argument(one)) }
  }

  #argument(argument: Argument): Call['args'][number] {
    if (typeof argument !== 'string') return { kind: 'call', call: this.#call(argument) }
    if (argument.startsWith("'")) return { kind: 'scalar', scalar: this.scalar(argument) }
    return { kind: 'field', path: this.path(argument) }
  }

  #groupBy(by: readonly Library.GroupByClause[]): GroupBy {
    const operands = by.map((one) =>
      'fn' in one ? this.operand(undefined, one.fn) : this.operand(one.field, undefined),
    )
    const together = operands.flatMap((one) =>
      one.kind === 'call' && ['ROLLUP', 'CUBE'].includes(one.call.name) ? [one.call] : [],
    )
    const [call] = together
    if (call === undefined) return { kind: 'plain', by: operands }
    if (operands.length > 1)
      throw syntaxError(this.text, this.#word(call.name), `GROUP BY ${call.name}() beside other fields`, [
        `all within ${call.name}()`,
      ])
    return {
      kind: call.name === 'CUBE' ? 'cube' : 'rollup',
      by: call.args.filter((one) => one.kind !== 'scalar'),
    }
  }

  #ordering(clause: Library.OrderByClause): Ordering {
    return {
      by: 'fn' in clause ? this.operand(undefined, clause.fn) : this.operand(clause.field, undefined),
      descending: clause.order === 'DESC',
      nulls: clause.nulls === 'LAST' ? 'last' : 'first',
    }
  }

  #mode({ withSecurityEnforced, withAccessLevel }: Library.QueryBase): Pick<Query, 'mode'> {
    if (withSecurityEnforced !== true)
      return withAccessLevel === undefined
        ? {}
        : { mode: withAccessLevel === 'USER_MODE' ? 'user' : 'system' }
    if (withAccessLevel === undefined) return { mode: 'securityEnforced' }
    throw syntaxError(this.text, this.#word('WITH'), 'WITH twice', ['one of the modes'])
  }
}
