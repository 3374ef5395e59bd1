import { createHash } from 'node:crypto'
import type { Aside } from '../../kernel/storage/states.ts'
import { setAsideOf, storeRecords, type AsidePart, type SetAside } from './asides.ts'
import { csvInvalid, parseCsv, type CsvProblem } from './csv.ts'

/** Columns of the file that are ours; the others are those of the records. */
const own = ['_record', '_code', '_error', '_tries'] as const

/** What a spreadsheet would take for a formula (OWASP): such a text gets an apostrophe in front. */
const formula = /^[=+\-@\t\r]/

/** Columns of what is set aside, in the order in which they first come; `into` gathers them over many. */
export function gatherColumns({ records }: Pick<Aside, 'records'>, into: Set<string>): void {
  const aside = setAsideOf(records)
  if (aside.kind === 'ids') into.add('Id')
  else if (aside.kind === 'range') ['after', 'upTo'].forEach((name) => into.add(name))
  else for (const record of aside.records) for (const name of Object.keys(record)) into.add(name)
}

export function headerOf(columns: ReadonlySet<string>): readonly string[] {
  return [...own, ...columns]
}

/** The lines of one that is set aside: a line for each record, one for all of a range. */
export function rowsOf(aside: Aside, columns: ReadonlySet<string>): readonly (readonly string[])[] {
  const { error, tries } = aside
  const reason = [error?.code ?? error?.name ?? '', error?.message ?? '']
  return recordsOf(setAsideOf(aside.records)).map((record, at) => [
    recordKey(aside.number, at, record),
    ...reason.map((text) => cellOf(text)),
    String(tries),
    ...[...columns].map((name) => cellOf((record as Record<string, unknown>)[name])),
  ])
}

function recordsOf(aside: SetAside): readonly object[] {
  switch (aside.kind) {
    case 'ids':
      return aside.ids.map((Id) => ({ Id }))
    case 'range':
      return [aside.range]
    case 'records':
      return aside.records
  }
}

/** Which one it is, and what it was: numbers are given again. */
function recordKey(number: number, at: number, record: object): string {
  const hash = createHash('sha256').update(JSON.stringify(record, stable)).digest('hex').slice(0, 12)
  return `${number}/${at}/${hash}`
}

function stable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return formula.test(value) ? `'${value}` : value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '' : value.toISOString()
  if (typeof value === 'object') return JSON.stringify(value, stable)
  return `${value as number}`
}

/** What a file says about one that is set aside: which of its records are to be tried again, and as what. */
export interface Chosen {
  readonly number: number
  /** By place; values that were changed are the new ones. */
  readonly records: ReadonlyMap<number, object>
}

/** Thrown away what has no place: `open` are those that somebody may try again now. Throws MILL_BATCH_CSV_INVALID with every problem. */
export function readFailedFile(text: string, open: ReadonlyMap<number, Aside>): readonly Chosen[] {
  const { records: lines, problems: bad } = parseCsv(text)
  const problems: CsvProblem[] = [...bad]
  const [header, ...rows] = lines
  if (bad.length === 0 && header === undefined) problems.push({ line: 1, message: 'the file is empty' })
  const columns = header?.cells ?? []
  if (header !== undefined) problems.push(...headerProblems(header.cells))
  if (problems.length > 0) throw csvInvalid(problems)
  if (rows.length === 0) throw csvInvalid([{ line: 2, message: 'the file names no records' }])

  const parsed = new Map<number, readonly object[]>()
  const chosen = new Map<number, Map<number, object>>()
  for (const { line, cells } of rows) {
    const tell = (message: string): void => void problems.push({ line, message })
    if (cells.length !== columns.length) {
      tell(`it has ${cells.length} cells, the header has ${columns.length}`)
      continue
    }
    const key = cells[columns.indexOf('_record')] ?? ''
    const [, number = '', at = ''] = /^(\d{1,9})\/(\d{1,9})\/[0-9a-f]{12}$/.exec(key) ?? []
    const aside = open.get(Number(number))
    if (number === '' || aside === undefined) {
      tell(`_record ${JSON.stringify(key.slice(0, 60))} is not set aside, or is being tried again`)
      continue
    }
    const all = parsed.get(aside.number) ?? recordsOf(setAsideOf(aside.records))
    parsed.set(aside.number, all)
    const record = all[Number(at)]
    if (record === undefined || recordKey(aside.number, Number(at), record) !== key) {
      tell(`_record ${key} is no longer what it was when the file was made`)
      continue
    }
    const places = chosen.get(aside.number) ?? new Map<number, object>()
    chosen.set(aside.number, places)
    if (places.has(Number(at))) tell(`_record ${key} is there twice`)
    const mended = mend(record, columns, cells, setAsideOf(aside.records).kind === 'records', tell)
    places.set(Number(at), mended)
  }
  if (problems.length > 0) throw csvInvalid(problems)
  return [...chosen].map(([number, records]) => ({ number, records })).sort((a, b) => a.number - b.number)
}

function headerProblems(cells: readonly string[]): CsvProblem[] {
  const message = (text: string): CsvProblem => ({ line: 1, message: text })
  if (!cells.includes('_record'))
    return [
      message(
        cells.some((cell) => cell.includes(';'))
          ? 'the cells must be separated by commas, not by semicolons'
          : 'the header has no column _record',
      ),
    ]
  const twice = cells.filter((cell, at) => cells.indexOf(cell) !== at)
  return twice.map((cell) => message(`the header has the column ${JSON.stringify(cell)} twice`))
}

/** The record with the values that differ from what was exported. */
function mend(
  record: object,
  columns: readonly string[],
  cells: readonly string[],
  isMendable: boolean,
  tell: (message: string) => void,
): object {
  const before = record as Readonly<Record<string, unknown>>
  const changes: [string, unknown][] = []
  columns.forEach((name, at) => {
    const cell = cells[at] ?? ''
    if ((own as readonly string[]).includes(name) || cell === cellOf(before[name])) return
    if (!isMendable) tell(`${name} cannot be changed: the record itself is to be mended, where it is kept`)
    else if (cell.includes('\0')) tell(`${name} has a NUL character`)
    else {
      const value = valueOf(cell, before[name])
      if (value === undefined)
        tell(`${name} ${JSON.stringify(cell.slice(0, 60))} is no ${kindOf(before[name])}`)
      else changes.push([name, value])
    }
  })
  if (changes.length === 0) return record
  const mended: Record<string, unknown> = { ...before }
  for (const [name, value] of changes)
    Object.defineProperty(mended, name, { value, enumerable: true, writable: true, configurable: true })
  return mended
}

/** A changed cell is of the kind of what it replaces; text in place of nothing. undefined: it cannot be. */
function valueOf(cell: string, before: unknown): unknown {
  const text = cell.startsWith("'") && formula.test(cell.slice(1)) ? cell.slice(1) : cell
  if (typeof before === 'string' || before === null || before === undefined) return text
  if (text === '') return null
  if (typeof before === 'number')
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
  if (typeof before === 'bigint') return /^-?\d+$/.test(text) ? BigInt(text) : undefined
  if (typeof before === 'boolean')
    return /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined
  if (before instanceof Date) {
    const date = new Date(text)
    return Number.isNaN(date.getTime()) ? undefined : date
  }
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : undefined
  } catch {
    return undefined
  }
}

function kindOf(value: unknown): string {
  return value instanceof Date
    ? 'instant'
    : typeof value === 'object'
      ? 'JSON of a list or an object'
      : typeof value
}

/** What is chosen of one that is set aside, and what is left of it; null: nothing. Throws as `storeRecords`. */
export function splitAside(
  aside: Aside,
  { records }: Chosen,
  where: string,
): { readonly chosen: AsidePart; readonly rest: AsidePart | null } {
  const before = setAsideOf(aside.records)
  if (before.kind === 'range') return { chosen: aside, rest: null }
  const all = recordsOf(before)
  const parts = [
    [...records].sort(([a], [b]) => a - b).map(([, record]) => record),
    all.filter((_, at) => !records.has(at)),
  ].map((some) => ({
    records:
      before.kind === 'ids'
        ? JSON.stringify(some.map((record) => (record as { Id: unknown }).Id))
        : storeRecords(some, where),
    count: some.length,
  }))
  const [chosen, rest] = parts as [AsidePart, AsidePart]
  return { chosen, rest: rest.count === 0 ? null : rest }
}
