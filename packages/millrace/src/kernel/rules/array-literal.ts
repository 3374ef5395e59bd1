/**
 * A column of values as one text in PostgreSQL's own form of arrays, `{1,"a b",null}`: one parameter however many rows, cast to the type
 * of the column. Values are encoded: texts, numbers, bigints, booleans; null (undefined too).
 */
export function arrayLiteral(values: readonly unknown[]): string {
  let text = '{'
  for (let at = 0; at < values.length; at += 1) {
    if (at > 0) text += ','
    text += element(values[at])
  }
  return `${text}}`
}

const special = /["\\]/

function element(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string')
    return special.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`
  return `${value as number}`
}
