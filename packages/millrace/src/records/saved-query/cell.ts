import type { FieldInfo } from '../object/schema.ts'
import type { PlannedColumn } from './columns.ts'
import { valueAt } from './columns.ts'

/** What a field holds, and what people read (semantics M-22). */
export interface Cell {
  /** As records have it: text, number, boolean, Date, `'2026-11-24'`, a list, JSON; null for no value. */
  readonly value: unknown
  /**
   * Of a picklist its label, of a reference the name of its record, of numbers, days and instants how they are written where the
   * caller is; empty for no value.
   */
  readonly label: string
}

export interface CellOptions {
  /** IANA name. */
  readonly timeZone: string
  /** BCP 47: how numbers and dates are written. */
  readonly locale: string
}

/** Writes values for people of one place. */
export class CellWriter {
  readonly #options: CellOptions
  readonly #numbers = new Map<string, Intl.NumberFormat>()
  readonly #day: Intl.DateTimeFormat
  readonly #instant: Intl.DateTimeFormat

  constructor(options: CellOptions) {
    this.#options = options
    const { locale, timeZone } = options
    this.#day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' })
    this.#instant = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone })
  }

  cell(column: PlannedColumn, record: object): Cell {
    const value = valueAt(record, column.path)
    const { named, field } = column
    const name = named === undefined ? null : valueAt(record, named.path)
    const label =
      named === undefined || name === null ? this.label(field, value) : this.label(named.field, name)
    return { value, label }
  }

  label(field: FieldInfo, value: unknown): string {
    if (value === null || value === undefined) return ''
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    switch (field.type) {
      case 'picklist':
        return choiceLabel(field, text)
      case 'multipicklist':
        return (Array.isArray(value) ? (value as readonly unknown[]) : [value])
          .map((one) => choiceLabel(field, String(one)))
          .join('; ')
      case 'number':
      case 'integer':
        return this.number(Number(value), 0, field.scale ?? 15)
      case 'currency':
        return this.number(Number(value), field.scale ?? 2, Math.max(field.scale ?? 2, 2))
      case 'date':
        return this.#day.format(new Date(`${text}T00:00:00Z`))
      case 'datetime':
        return this.#instant.format(value instanceof Date ? value : new Date(text))
      case 'json':
        return JSON.stringify(value)
      default:
        return text
    }
  }

  /** With at least and at most so many digits after the point. */
  number(value: number, least: number, most: number): string {
    const key = `${least} ${most}`
    let format = this.#numbers.get(key)
    if (format === undefined) {
      format = new Intl.NumberFormat(this.#options.locale, {
        minimumFractionDigits: least,
        maximumFractionDigits: most,
      })
      this.#numbers.set(key, format)
    }
    return format.format(value)
  }
}

/** Values that are no longer in the list are shown as they are. */
function choiceLabel({ values }: FieldInfo, value: string): string {
  return values.find((one) => one.value.toLowerCase() === value.toLowerCase())?.label ?? value
}
