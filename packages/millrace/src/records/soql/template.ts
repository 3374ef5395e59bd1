import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Query } from '../query/query.ts'
import { parseWithGaps } from './parse.ts'

/** What a tag function gets first; `raw` is there when it was called as a tag. */
export type TemplateSegments = readonly string[] & { readonly raw?: readonly string[] }

/** The query with values in it. What holds none is shared between all calls. */
type Fill = (values: readonly unknown[]) => unknown

const templates = new WeakMap<TemplateSegments, Fill>()

/**
 * The query of a template: each value stands where a literal, a list, LIMIT or OFFSET may stand, as a parameter and never as text,
 * whatever it holds. A call site is parsed once. Throws MILL_SOQL_SYNTAX, also for a value in place of a name or within quotes,
 * MILL_SOQL_UNSUPPORTED, and MILL_QUERY_INVALID for a value that is undefined.
 */
export function soqlTemplate(segments: TemplateSegments, values: readonly unknown[]): Query {
  let fill = templates.get(segments)
  if (fill === undefined) {
    fill = read(segments)
    templates.set(segments, fill)
  }
  if (values.length !== segments.length - 1)
    throw new MillraceError(
      'MILL_SOQL_SYNTAX',
      `soql needs ${segments.length - 1} values for ${segments.length} segments; it got ${values.length}.`,
      { data: { line: 1, column: 1, expected: [] } },
    )
  return fill(values) as Query
}

function read(segments: TemplateSegments): Fill {
  // What is written counts: '\'' is SOQL's own escape, not the template's.
  const texts = segments.raw?.map(withoutTemplateEscapes) ?? segments
  let length = 0
  const gaps = texts.slice(0, -1).map((text) => (length += text.length))
  const query = parseWithGaps(texts.join(''), gaps)
  return fillOf(query) ?? (() => query)
}

/** A backtick and a dollar cannot be written in a template without a backslash. */
const withoutTemplateEscapes = (raw: string): string =>
  raw.replace(/\\([\\`$])/g, (all, char: string) => (char === '\\' ? all : char))

/** Undefined where no value stands under the node. */
function fillOf(node: unknown): Fill | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  if ('kind' in node && node.kind === 'value' && 'value' in node) {
    const gap = Number(node.value)
    return (values) => ({ kind: 'value', value: given(values[gap], gap) })
  }
  const fills = Object.entries(node).flatMap(([key, child]) => {
    const fill = fillOf(child)
    return fill === undefined ? [] : [[key, fill] as const]
  })
  if (fills.length === 0) return undefined
  return (values) => {
    const copy = (Array.isArray(node) ? node.slice() : { ...node }) as Record<string, unknown>
    for (const [key, fill] of fills) copy[key] = fill(values)
    return copy
  }
}

function given(value: unknown, gap: number): unknown {
  if (value !== undefined) return value
  throw new MillraceError(
    'MILL_QUERY_INVALID',
    `value ${gap + 1} of the query is undefined; pass null where null is meant.`,
    { data: { place: `value ${gap + 1}` } },
  )
}
