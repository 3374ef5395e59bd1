/** A name in double quotes, whatever it is: what every name of a table, column or schema goes into a statement by. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** `"table"` or `"schema"."table"`. */
export function tableIdentifier(table: string): string {
  return table.split('.').map(identifier).join('.')
}
