/** What a field holds; SOQL's types as far as they differ in behaviour. `multipicklist` is stored as `a;b;c`. */
export type FieldType =
  | 'id'
  | 'reference'
  | 'text'
  | 'number'
  | 'integer'
  | 'currency'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'picklist'
  | 'multipicklist'
  | 'json'

export interface PicklistValue {
  readonly value: string
  /** Default: the value. */
  readonly label: string
}

/**
 * How instants stand in the table. `native`: timestamptz on PostgreSQL, and on SQLite text as `Date.toISOString()` writes it.
 * The others are whole numbers, on either database.
 */
export type DatetimeStorage = 'native' | 'epochMs' | 'epochSeconds'

/** One field of an object, as the constructors below make it: plain data. `Value` and `Required` are for types alone. */
export interface Field<Value = unknown, Required extends boolean = boolean> {
  readonly type: FieldType
  /** Default: the field's name. */
  readonly column: string | undefined
  /** Default: the field's name. */
  readonly label: string | undefined
  /** Must be given, and not null, when a record is inserted without a default. */
  readonly required: Required
  readonly unique: boolean
  /** `upsert` may find records by it. */
  readonly externalId: boolean
  /** Compared, sorted and searched with upper and lower case apart, as the database itself does. Ids and references always are. */
  readonly caseSensitive: boolean
  /** Made by the database or somebody else: never written through Millrace. */
  readonly readOnly: boolean
  readonly default: Value | (() => Value) | undefined
  /** Most characters of a text. */
  readonly length: number | undefined
  /** Digits after the point that a number or currency keeps; more are refused. */
  readonly scale: number | undefined
  /** Of a picklist; other values are refused when `restricted`. */
  readonly values: readonly PicklistValue[]
  readonly restricted: boolean
  /** Objects that a reference may point to; one, unless `typeColumn` tells which. */
  readonly references: readonly string[]
  /** The column that holds the name of the object that a reference to several points to. */
  readonly typeColumn: string | undefined
  /** Name of the way to the parent in paths; default: `OwnerId` leads to `Owner`, `Owner__c` to `Owner__r`, another name is kept. */
  readonly relationship: string | undefined
  /** Name of the way back, for child subqueries; none by default. */
  readonly children: string | undefined
  /** An id or reference that is a whole number in the table. */
  readonly numeric: boolean
  readonly storedAs: DatetimeStorage
  /** Never set: carries the type. */
  readonly valueType?: Value
}

interface CommonFieldOptions<Value, Required extends boolean> {
  readonly column?: string
  readonly label?: string
  readonly required?: Required
  readonly unique?: boolean
  readonly externalId?: boolean
  readonly readOnly?: boolean
  readonly default?: Value | (() => Value)
}

interface TextOptions<Required extends boolean> extends CommonFieldOptions<string, Required> {
  readonly length?: number
  readonly caseSensitive?: boolean
}
interface NumberOptions<Required extends boolean> extends CommonFieldOptions<number, Required> {
  readonly scale?: number
}
interface DatetimeOptions<Required extends boolean> extends CommonFieldOptions<Date, Required> {
  readonly storedAs?: DatetimeStorage
}
interface PicklistOptions<Value, Required extends boolean> extends CommonFieldOptions<Value, Required> {
  /** Default true. */
  readonly restricted?: boolean
  readonly caseSensitive?: boolean
}
interface ReferenceOptions<Value, Required extends boolean> extends CommonFieldOptions<Value, Required> {
  readonly relationship?: string
  readonly children?: string
  readonly typeColumn?: string
}

type AnyFieldOptions = Partial<Omit<Field, 'type' | 'valueType'>>

function field<Value, Required extends boolean>(
  type: FieldType,
  options: AnyFieldOptions,
): Field<Value, Required> {
  return Object.freeze({
    type,
    column: undefined,
    label: undefined,
    unique: false,
    externalId: false,
    caseSensitive: type === 'id' || type === 'reference',
    readOnly: false,
    default: undefined,
    length: undefined,
    scale: undefined,
    values: [],
    restricted: true,
    references: [],
    typeColumn: undefined,
    relationship: undefined,
    children: undefined,
    numeric: false,
    storedAs: 'native',
    ...options,
    required: options.required ?? false,
  }) as Field<Value, Required>
}

// `const Required`: without it the types that defineObject expects would make a plain boolean of `true`.

/** The primary key, as text or uuid. Made as a UUIDv7 at insert unless given, or by the database when `readOnly`. */
export const id = (options: CommonFieldOptions<string, true> = {}): Field<string, true> =>
  field('id', { ...options, required: true, unique: true })

/** A primary key that is a whole number, made by the database unless given. */
export const integerId = (options: CommonFieldOptions<number, true> = {}): Field<number, true> =>
  field('id', { ...options, required: true, unique: true, numeric: true })

/** The id of a record of another object, or of one of several when `typeColumn` tells which. */
export const reference = <const Required extends boolean = false>(
  to: string | readonly string[],
  options: ReferenceOptions<string, Required> = {},
): Field<string, Required> =>
  field('reference', { ...options, references: typeof to === 'string' ? [to] : to })

/** As `reference`, to an object whose id is a whole number. */
export const integerReference = <const Required extends boolean = false>(
  to: string | readonly string[],
  options: ReferenceOptions<number, Required> = {},
): Field<number, Required> =>
  field('reference', { ...options, references: typeof to === 'string' ? [to] : to, numeric: true })

export const text = <const Required extends boolean = false>(
  options: TextOptions<Required> = {},
): Field<string, Required> => field('text', options)

export const number = <const Required extends boolean = false>(
  options: NumberOptions<Required> = {},
): Field<number, Required> => field('number', options)

/** A whole number within ±2^53. */
export const integer = <const Required extends boolean = false>(
  options: CommonFieldOptions<number, Required> = {},
): Field<number, Required> => field('integer', options)

export const currency = <const Required extends boolean = false>(
  options: NumberOptions<Required> = {},
): Field<number, Required> => field('currency', options)

export const boolean = <const Required extends boolean = false>(
  options: CommonFieldOptions<boolean, Required> = {},
): Field<boolean, Required> => field('boolean', options)

/** A calendar day, `'2026-11-24'`. */
export const date = <const Required extends boolean = false>(
  options: CommonFieldOptions<string, Required> = {},
): Field<string, Required> => field('date', options)

/** An instant, a `Date`. */
export const datetime = <const Required extends boolean = false>(
  options: DatetimeOptions<Required> = {},
): Field<Date, Required> => field('datetime', options)

type Choice = string | PicklistValue
type ValueOf<C extends Choice> = C extends string ? C : C extends PicklistValue ? C['value'] : never

const choices = (values: readonly Choice[]): readonly PicklistValue[] =>
  values.map((one) => (typeof one === 'string' ? { value: one, label: one } : one))

export const picklist = <const C extends Choice, const Required extends boolean = false>(
  values: readonly C[],
  options: PicklistOptions<ValueOf<C>, Required> = {},
): Field<ValueOf<C>, Required> => field('picklist', { ...options, values: choices(values) })

/** Several of the values; read and written as a list. */
export const multipicklist = <const C extends Choice, const Required extends boolean = false>(
  values: readonly C[],
  options: PicklistOptions<readonly ValueOf<C>[], Required> = {},
): Field<readonly ValueOf<C>[], Required> => field('multipicklist', { ...options, values: choices(values) })

/** Any JSON. It can be selected and written; SOQL neither compares nor sorts it. */
export const json = <Value = unknown, const Required extends boolean = false>(
  options: CommonFieldOptions<Value, Required> = {},
): Field<Value, Required> => field('json', options)
