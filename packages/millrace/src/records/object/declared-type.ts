import type { ColumnDescription } from './table.ts'

/** `VARCHAR(80)`, `NUMERIC(10, 2)`, `double precision`: type in lower case, length or scale. */
export function declaredType(declared: string): Pick<ColumnDescription, 'type' | 'length' | 'scale'> {
  const [, before = '', first, second, after = ''] =
    /^([^()]*)(?:\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\))?([^()]*)$/.exec(declared) ?? []
  const type = `${before} ${after}`.trim().replace(/\s+/g, ' ').toLowerCase()
  const isText = /char|text|clob|string/.test(type)
  return {
    type,
    length: isText && first !== undefined ? Number(first) : undefined,
    scale: isText || first === undefined ? undefined : second === undefined ? 0 : Number(second),
  }
}

/** The texts of a list of literals, `'a', 'it''s'` or `0, 1`; undefined where there is anything else. */
export function literalsOf(list: string): readonly string[] | undefined {
  const whole = /^\s*(?:(?:'(?:[^']|'')*'|-?\d+)(?:::[\w ."]+?(?:\(\d+\))?)?\s*(?:,\s*|$))+$/
  if (!whole.test(list)) return undefined
  return [...list.matchAll(/'((?:[^']|'')*)'|(?<![\w)"])-?\d+/g)].map(([all, text]) =>
    text === undefined ? all : text.replaceAll("''", "'"),
  )
}
