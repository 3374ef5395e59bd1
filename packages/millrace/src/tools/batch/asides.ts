import type { RowId } from '../../kernel/storage/snapshots.ts'
import { decode, encode, textOf } from '../codec.ts'

/** `after` excluded (null: from the first), `upTo` included. */
export interface IdRange {
  readonly after: RowId | null
  readonly upTo: RowId
}

interface Ids {
  readonly kind: 'ids'
  readonly ids: readonly RowId[]
}

interface Records {
  readonly kind: 'records'
  readonly records: readonly object[]
}

interface Bounds {
  readonly kind: 'range'
  readonly range: IdRange
}

/** What was set aside: bounds by range, ids of any other query, else the records themselves. */
export type SetAside = Bounds | Ids | Records

/** What is to be set aside. `ids` of a range: those that the query has in it now. */
export type Contents = (Bounds & { readonly ids: readonly RowId[] }) | Ids | Records

/** As storage keeps it, and how many records that are. */
export interface AsidePart {
  readonly records: string
  readonly count: number
}

/** Of the records that a start brings along for one chunk. */
const limits = { maxBytes: 64 * 1_048_576, tooLarge: 'MILL_PAYLOAD_TOO_LARGE' } as const

/** Throws MILL_PAYLOAD_TOO_LARGE above 64 MiB, MILL_INPUT_UNSERIALIZABLE. */
export function storeRecords(records: readonly object[], where: string): string {
  return textOf(encode(records, `records of ${where}`, limits))
}

export function storedRecords(text: string): object[] {
  const { json, types } = JSON.parse(text) as { json: object[]; types?: unknown }
  return types === undefined ? json : (decode(JSON.stringify(json), types) as object[])
}

export function countOf(contents: Contents): number {
  return contents.kind === 'records' ? contents.records.length : contents.ids.length
}

/** Whole, or in two halves. Throws as `storeRecords`. */
export function partsOf(contents: Contents, halved: boolean, where: string): readonly AsidePart[] {
  const count = countOf(contents)
  const cuts = halved ? [0, Math.ceil(count / 2), count] : [0, count]
  return cuts.slice(1).map((to, at) => {
    const from = cuts[at] ?? 0
    return { records: partOf(contents, from, to, where), count: to - from }
  })
}

/** Of those from one position to another. Parts of a range leave no gap between them. */
function partOf(contents: Contents, from: number, to: number, where: string): string {
  switch (contents.kind) {
    case 'ids':
      return JSON.stringify(contents.ids.slice(from, to))
    case 'records':
      return storeRecords(contents.records.slice(from, to), where)
    case 'range': {
      const { ids, range } = contents
      const after = from === 0 ? range.after : ids[from - 1]
      return JSON.stringify({ after, upTo: to === ids.length ? range.upTo : ids[to - 1] })
    }
  }
}

/** Of the text of an {@link AsidePart}. */
export function setAsideOf(text: string): SetAside {
  if (text.startsWith('[')) return { kind: 'ids', ids: JSON.parse(text) as RowId[] }
  if (text.startsWith('{"after":')) return { kind: 'range', range: JSON.parse(text) as IdRange }
  return { kind: 'records', records: storedRecords(text) }
}
