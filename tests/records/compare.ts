import type { Answer } from './oracle/oracle.ts'
import { fold } from './oracle/text.ts'

/**
 * What is wrong with rows that a database gave, against the oracle's; undefined when they are right. Rows that no ORDER BY tells apart
 * may come in any order, and where LIMIT cuts through them, any of them may come.
 */
export function difference(answer: Answer, rows: readonly unknown[]): string | undefined {
  if (answer.kind === 'count') {
    return rows[0] === answer.count ? undefined : `expected ${answer.count}, got ${String(rows[0])}`
  }
  const total = answer.ties.reduce((sum, tie) => sum + tie.length, 0)
  const expected = Math.max(0, Math.min(answer.limit, total - answer.offset))
  const got = rows.map((row) => canonical(row, answer))
  const wanted = answer.ties.map((tie) => tie.map((row) => canonical(row, answer)))
  if (rows.length !== expected) return `expected ${expected} rows, got ${rows.length}; ${shown(wanted, got)}`
  let start = 0
  for (const tie of wanted) {
    const left = [...tie]
    for (let at = start; at < start + tie.length; at++) {
      const row = got[at - answer.offset]
      if (at < answer.offset || row === undefined) continue
      const found = left.indexOf(row)
      if (found < 0)
        return `row ${at - answer.offset} is ${row}, expected one of ${left.slice(0, 5).join(' | ')}`
      left.splice(found, 1)
    }
    start += tie.length
  }
  return undefined
}

function shown(wanted: readonly (readonly string[])[], got: readonly string[]): string {
  const all = wanted.flat()
  const missing = all.filter((row) => !got.includes(row)).slice(0, 3)
  const surplus = got.filter((row) => !all.includes(row)).slice(0, 3)
  return `missing ${missing.join(' | ') || 'none'}; surplus ${surplus.join(' | ') || 'none'}`
}

/** One text for what is the same: names in lower case, sums of eleven digits, a parent without values as null. */
export function canonical(
  row: unknown,
  { folded, near, ordered }: Pick<Extract<Answer, { kind: 'rows' }>, 'folded' | 'near' | 'ordered'>,
): string {
  const plain = (value: unknown, name: string, depth: number): unknown => {
    if (value === null || value === undefined) return null
    if (value instanceof Date) return value.toISOString()
    if (typeof value === 'number') return near ? rounded(value) : value
    if (typeof value === 'string') return depth === 1 && folded.includes(name) ? fold(value) : value
    if (Array.isArray(value)) {
      const items = value.map((item) => plain(item, '', depth + 1))
      const isChildren = value.some(
        (item) => typeof item === 'object' && item !== null && !Array.isArray(item),
      )
      return isChildren && !ordered.includes(name) ? sorted(items) : items
    }
    if (typeof value !== 'object') return value
    const entries = Object.entries(value)
      .map(([key, inner]) => [key.toLowerCase(), plain(inner, key.toLowerCase(), depth + 1)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    const isEmptyParent = depth > 0 && entries.every(([, inner]) => inner === null)
    return isEmptyParent ? null : Object.fromEntries(entries)
  }
  return JSON.stringify(plain(row, '', 0))
}

/** Pushed off the ends in 5 where sums of another order would round the other way. */
const rounded = (value: number): number => Number((value * (1 + 3.1e-12)).toPrecision(11))

const sorted = (items: readonly unknown[]): readonly unknown[] =>
  [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
