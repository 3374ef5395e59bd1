import type { ColumnDescription } from './table.ts'

export type Maker =
  | 'id'
  | 'integerId'
  | 'reference'
  | 'integerReference'
  | 'text'
  | 'number'
  | 'integer'
  | 'currency'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'picklist'
  | 'json'

/** A call of a field constructor, as data. */
export interface FieldDraft {
  readonly name: string
  readonly make: Maker
  /** What stands before the options: the object of a reference, the values of a picklist. */
  readonly argument?: string | readonly string[]
  readonly options: Readonly<Record<string, unknown>>
}

type Drafted = { readonly draft: Omit<FieldDraft, 'name'> | undefined; readonly note?: string }

const wholeTypes = /^(tiny|small|medium|big|unsigned big )?int(eger|[248])?$/
const textTypes =
  /^((native |n)?(var|varying )?char(acter)?( varying)?2?|nvarchar|bpchar|(tiny|medium|long)?text|clob|citext|uuid|name|string)$/
const numberTypes = /^(real|float[48]?|double( precision)?|numeric|decimal)$/
const zoned = /^(timestamp with time zone|timestamptz)$/
const unzoned = /^(timestamp( without time zone)?|datetime)$/

export function isWholeNumber({ type, scale }: ColumnDescription): boolean {
  return wholeTypes.test(type) || (/^(numeric|decimal)$/.test(type) && scale === 0)
}

/** The field for a column, as far as the catalog tells; `note` is for who reads the generated file. */
export function columnDraft(column: ColumnDescription, as: 'id' | 'field'): Drafted {
  if (as === 'id') return idDraft(column)
  const made = make(column)
  if (made === undefined)
    return {
      draft: undefined,
      note: `left out: no field type fits ${column.type === '' ? 'a column without type' : column.type}`,
    }
  const fallback = defaultOf(column, made.make)
  const isRequired =
    !column.nullable && !column.generated && (column.default === undefined || fallback !== undefined)
  return {
    draft: {
      ...made,
      options: {
        ...made.options,
        ...(isRequired ? { required: true } : {}),
        ...(fallback === undefined ? {} : { default: fallback }),
        ...(column.generated ? { readOnly: true } : {}),
      },
    },
    ...noteOf(column, fallback),
  }
}

function idDraft(column: ColumnDescription): Drafted {
  const readOnly = column.generated ? { readOnly: true } : {}
  if (isWholeNumber(column)) return { draft: { make: 'integerId', options: readOnly } }
  return { draft: textTypes.test(column.type) ? { make: 'id', options: readOnly } : undefined }
}

function make(column: ColumnDescription): Pick<FieldDraft, 'make' | 'argument' | 'options'> | undefined {
  const { type, values, length, scale } = column
  const isFlag = values?.length === 2 && values.includes('0') && values.includes('1')
  if (/^bool(ean)?$/.test(type) || (isFlag && wholeTypes.test(type))) return { make: 'boolean', options: {} }
  if (isWholeNumber(column)) return { make: 'integer', options: {} }
  if (/^(currency|money)$/.test(type) && scale !== undefined) return { make: 'currency', options: { scale } }
  if (numberTypes.test(type)) return { make: 'number', options: scale === undefined ? {} : { scale } }
  if (type === 'date') return { make: 'date', options: {} }
  if (zoned.test(type) || unzoned.test(type)) return { make: 'datetime', options: {} }
  if (/^jsonb?( text)?$/.test(type)) return { make: 'json', options: {} }
  if (values !== undefined && (textTypes.test(type) || type === 'enum'))
    return { make: 'picklist', argument: values, options: {} }
  if (!textTypes.test(type)) return undefined
  return {
    make: 'text',
    options: {
      ...(length === undefined ? {} : { length }),
      ...(type === 'uuid' ? { caseSensitive: true } : {}),
    },
  }
}

/** A literal default; what the database computes is its own. */
function defaultOf(column: ColumnDescription, maker: Maker): string | number | boolean | undefined {
  const given = column.default?.trim().replace(/^\((.*)\)$/s, '$1')
  if (given === undefined) return undefined
  const text = /^'((?:[^']|'')*)'(::[\w ."]+(\(\d+\))?)?$/s.exec(given)?.[1]?.replaceAll("''", "'")
  const plain = text ?? given.replace(/::[\w ]+$/, '')
  switch (maker) {
    case 'text':
    case 'picklist':
      return text
    case 'date':
      return text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) ? text : undefined
    case 'boolean':
      return /^(true|1|t)$/i.test(plain) ? true : /^(false|0|f)$/i.test(plain) ? false : undefined
    case 'integer':
    case 'number':
    case 'currency':
      return /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(plain) && Number.isFinite(Number(plain))
        ? Number(plain)
        : undefined
    default:
      return undefined
  }
}

function noteOf(column: ColumnDescription, fallback: unknown): { readonly note?: string } {
  if (column.type === 'timestamp without time zone')
    return {
      note: 'a timestamp without time zone is read in the zone of the connection; timestamptz is safer',
    }
  if (column.default !== undefined && fallback === undefined && !/^null\b/i.test(column.default))
    return { note: `its default is made by the database: ${JSON.stringify(column.default)}` }
  return {}
}
