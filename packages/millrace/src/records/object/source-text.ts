import type { FieldDraft } from './introspect-column.ts'
import type { Introspection, ObjectDraft } from './introspect.ts'

/**
 * TypeScript that defines the objects. Whatever stands in a catalog reaches it as a string literal or a comment of one line, names
 * of objects and fields are plain identifiers: nothing there can become code.
 */
export function sourceText({ objects, notes }: Introspection): string {
  const makers = new Set(objects.flatMap((one) => one.fields.map((field) => field.make)))
  const imports = ['defineObject', ...makers].sort()
  const head = objects.length === 0 ? [] : [`import { ${imports.join(', ')} } from 'millrace'`, '']
  const remarks = notes.map((note) => comment('', note))
  return (
    [...head, ...remarks, ...(remarks.length > 0 ? [''] : []), ...objects.map(objectText)]
      .join('\n')
      .trimEnd() + '\n'
  )
}

function objectText({ name, table, fields, roles, notes }: ObjectDraft): string {
  const lines = [
    ...notes.map((note) => comment('', note)),
    `export const ${name} = defineObject({`,
    `  name: ${literal(name)},`,
    ...(table === name ? [] : [`  table: ${literal(table)},`]),
    '  fields: {',
    ...fields.map((field) => `    ${field.name}: ${callOf(field)},`),
    '  },',
    ...Object.entries(roles).map(([role, field]) => `  ${role}: ${literal(field)},`),
    '})',
    '',
  ]
  return lines.join('\n')
}

function callOf({ make, argument, options }: FieldDraft): string {
  const given = argument === undefined ? [] : [literal(argument)]
  const entries = Object.entries(options).map(([key, value]) => `${key}: ${literal(value)}`)
  return `${make}(${[...given, ...(entries.length === 0 ? [] : [`{ ${entries.join(', ')} }`])].join(', ')})`
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'string') return String(value)
  return `'${shown(value).replaceAll("'", "\\'")}'`
}

function comment(indent: string, text: string): string {
  return `${indent}// ${shown(text)}`
}

/** Of one line: backslashes, control characters, line ends of every kind and lone surrogates are escaped. */
function shown(text: string): string {
  return text.replace(/[\\\p{C}\p{Zl}\p{Zp}]/gu, (char) =>
    char === '\\'
      ? '\\\\'
      : char.length > 1
        ? char
        : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
