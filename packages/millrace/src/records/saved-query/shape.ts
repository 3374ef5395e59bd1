import { meant } from '../../kernel/rules/nearest-name.ts'
import { describeValue } from '../../kernel/rules/describe-value.ts'
import { checkDefinitionName } from '../../kernel/rules/names.ts'
import { isStorable } from '../../kernel/rules/text.ts'
import { isObjectDefinition } from '../object/object.ts'
import { filterOperators, type Filter, type FilterOperator, type FilterValue } from './filter.ts'
import type { Issues } from './issues.ts'
import type { ColumnChoice, SortChoice } from './saved-query.ts'

type Given = Readonly<Record<string, unknown>>

const longestLabel = 200
const longestPath = 400
const longestValue = 10_000
const mostFilters = 50
const mostColumns = 200
const mostSorts = 5

/** Reads what somebody wrote, in code or in a form, into plain data; everything that is wrong becomes an issue with its path. */
export class Shape {
  readonly issues: Issues

  constructor(issues: Issues) {
    this.issues = issues
  }

  /** A plain object that has no other fields than these; an empty one when it is none. */
  fields(value: unknown, known: readonly string[], path: string): Given {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.issues.add(path, `must be an object with ${known.join(', ')}; got ${describeValue(value)}`)
      return {}
    }
    for (const name of Object.keys(value).filter((each) => !known.includes(each)))
      this.issues.add(join(path, name), `is no option${meant(name, known)}; there are ${known.join(', ')}`)
    return value as Given
  }

  name(value: unknown, path: string): string {
    try {
      return checkDefinitionName(value, path)
    } catch {
      this.issues.add(
        path,
        `must be a letter, then letters, digits, "_" or "-", at most 80 characters; got ${describeValue(value)}`,
      )
      return ''
    }
  }

  text(value: unknown, path: string, longest = longestLabel): string {
    if (typeof value === 'string' && value !== '' && value.length <= longest && isStorable(value))
      return value
    this.issues.add(path, `must be a text of 1 to ${longest} characters; got ${describeValue(value)}`)
    return ''
  }

  optionalText(value: unknown, path: string): string | undefined {
    return value === undefined || value === null ? undefined : this.text(value, path)
  }

  /** Read where the number of filters is known. */
  optionalLogic(value: unknown, path: string): string | undefined {
    return value === undefined || value === null || value === '' ? undefined : this.text(value, path, 1_000)
  }

  object(value: unknown, path: string): string {
    return isObjectDefinition(value) ? value.name : this.text(value, path)
  }

  path(value: unknown, path: string): string {
    return this.text(value, path, longestPath)
  }

  oneOf<Choice extends string>(
    value: unknown,
    choices: readonly [Choice, ...Choice[]],
    fallback: Choice | undefined,
    path: string,
  ): Choice {
    if (value === undefined && fallback !== undefined) return fallback
    const choice = choices.find((each) => each === value)
    if (choice !== undefined) return choice
    const near = typeof value === 'string' ? meant(value, choices) : ''
    this.issues.add(path, `must be one of ${choices.join(', ')}; got ${describeValue(value)}${near}`)
    return fallback ?? choices[0]
  }

  flag(value: unknown, path: string): boolean {
    if (value !== undefined && typeof value !== 'boolean')
      this.issues.add(path, `must be true or false; got ${describeValue(value)}`)
    return value === true
  }

  count(value: unknown, most: number, path: string): number | undefined {
    if (value === undefined || value === null) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
    this.issues.add(path, `must be a whole number from 1 to ${most}; got ${describeValue(value)}`)
    return undefined
  }

  list<T>(
    value: unknown,
    most: number,
    path: string,
    read: (item: unknown, path: string) => T,
  ): readonly T[] {
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) {
      this.issues.add(path, `must be a list; got ${describeValue(value)}`)
      return []
    }
    if (value.length > most) this.issues.add(path, `has ${value.length} entries; at most ${most} are allowed`)
    return value.slice(0, most).map((item: unknown, at) => read(item, `${path}[${at}]`))
  }

  filters(value: unknown, path: string): readonly Filter[] {
    return this.list(value, mostFilters, path, (item, at) => this.#filter(item, at))
  }

  columns(value: unknown, path: string): readonly ColumnChoice[] {
    return this.list(value, mostColumns, path, (item, at) => {
      if (typeof item === 'string') return Object.freeze({ field: this.path(item, at), label: undefined })
      const given = this.fields(item, ['field', 'label'], at)
      return Object.freeze({
        field: this.path(given['field'], join(at, 'field')),
        label: this.optionalText(given['label'], join(at, 'label')),
      })
    })
  }

  sorts(value: unknown, path: string): readonly SortChoice[] {
    return this.list(value, mostSorts, path, (item, at) => {
      if (typeof item === 'string') return Object.freeze({ field: this.path(item, at), direction: 'asc' })
      const given = this.fields(item, ['field', 'direction'], at)
      return Object.freeze({
        field: this.path(given['field'], join(at, 'field')),
        direction: this.oneOf(given['direction'], ['asc', 'desc'], 'asc', join(at, 'direction')),
      })
    })
  }

  #filter(item: unknown, path: string): Filter {
    const given = this.fields(item, ['field', 'operator', 'value'], path)
    return Object.freeze({
      field: this.path(given['field'], join(path, 'field')),
      operator: this.oneOf<FilterOperator>(
        given['operator'],
        filterOperators,
        undefined,
        join(path, 'operator'),
      ),
      value: this.#value(given['value'], join(path, 'value')),
    })
  }

  #value(value: unknown, path: string): FilterValue {
    if (!Array.isArray(value)) return this.#plain(value ?? null, path)
    return Object.freeze(value.map((item: unknown, at) => this.#plain(item, `${path}[${at}]`)))
  }

  #plain(value: unknown, path: string): string | number | boolean | null {
    switch (typeof value) {
      case 'boolean':
        return value
      case 'number':
        if (Number.isFinite(value)) return value
        break
      case 'string':
        if (value.length <= longestValue && isStorable(value)) return value
        break
      default:
        if (value === null) return null
    }
    this.issues.add(
      path,
      `must be a text of at most ${longestValue} characters, a number, true, false, null or a list of these; got ${describeValue(value)}`,
    )
    return null
  }
}

export function join(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`
}
