import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Query } from '../query/query.ts'
import { parseWithGaps } from './parse.ts'

/** What a tag function gets first; `raw` is there when it was called as a tag. */
export type TemplateSegments = readonly string[] & { readonly raw?: readonly string[] }

/** A parsed template, and those of its nodes under which values stand. */
interface Template {
  readonly query: Query
  readonly open: ReadonlySet<object>
}

const templates = new WeakMap<TemplateSegments, Template>()

/**
 * The query of a template: each value stands where a literal, a list, LIMIT or OFFSET may stand, as a parameter and never as text,
 * whatever it holds. A call site is parsed once. Throws MILL_SOQL_SYNTAX, also for a value in place of a name or within quotes, and
 * MILL_SOQL_UNSUPPORTED.
 */
export function soqlTemplate(segments: TemplateSegments, values: readonly unknown[]): Query {
  let template = templates.get(segments)
  if (template === undefined) {
    template = read(segments)
    templates.set(segments, template)
  }
  if (values.length !== segments.length - 1)
    throw new MillraceError(
      'MILL_SOQL_SYNTAX',
      `soql needs ${segments.length - 1} values for ${segments.length} segments; it got ${values.length}.`,
      { data: { line: 1, column: 1, expected: [] } },
    )
  return filled(template.query, template.open, values) as Query
}

function read(segments: TemplateSegments): Template {
  // What is written counts: '\'' is SOQL's own escape, not the template's.
  const texts = segments.raw?.map(withoutTemplateEscapes) ?? segments
  let length = 0
  const gaps = texts.slice(0, -1).map((text) => (length += text.length))
  const query = parseWithGaps(texts.join(''), gaps)
  const open = new Set<object>()
  mark(query, open)
  return { query, open }
}

/** A backtick and a dollar cannot be written in a template without a backslash. */
const withoutTemplateEscapes = (raw: string): string =>
  raw.replace(/\\([\\`$])/g, (all, char: string) => (char === '\\' ? all : char))

/** Collects the nodes under which a value stands. */
function mark(node: unknown, open: Set<object>): boolean {
  if (typeof node !== 'object' || node === null) return false
  const found = isGap(node) || Object.values(node).filter((child) => mark(child, open)).length > 0
  if (found) open.add(node)
  return found
}

/** A copy with the values; what holds none is shared between all calls. */
function filled(node: unknown, open: ReadonlySet<object>, values: readonly unknown[]): unknown {
  if (typeof node !== 'object' || node === null || !open.has(node)) return node
  if (isGap(node)) return { kind: 'value', value: values[node.value] }
  if (Array.isArray(node)) return node.map((child: unknown) => filled(child, open, values))
  const copy: Record<string, unknown> = {}
  for (const [key, child] of Object.entries(node)) copy[key] = filled(child, open, values)
  return copy
}

function isGap(node: object): node is { readonly kind: 'value'; readonly value: number } {
  return 'kind' in node && node.kind === 'value'
}
