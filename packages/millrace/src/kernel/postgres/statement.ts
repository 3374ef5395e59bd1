import { arrayLiteral } from '../rules/array-literal.ts'

/** What a parameter may be. Arrays travel as array literals: see {@link numbers} and {@link texts}. */
export type Value = string | number | boolean | Buffer | null

/** One SQL text. `$name` stands for a parameter, `millrace.` for the configured schema. */
export interface Statement {
  /** Prepared once per connection under this name. */
  readonly name: string
  readonly text: string
}

export interface Rendered {
  readonly name: string | undefined
  readonly text: string
  /** Names of the parameters, in order. */
  readonly parameters: readonly string[]
}

export function statement(name: string, text: string): Statement {
  return { name: `millrace_${name}`, text }
}

/** Turns statements into what `pg` takes, for one schema: numbered parameters, names unless they are unwanted. */
export class Statements {
  readonly schema: string
  readonly channel: string
  readonly #named: boolean
  readonly #rendered = new Map<Statement, Rendered>()

  /** `named` = false: a transaction pooler hands connections around, so nothing may be prepared on one. */
  constructor(schema: string, named: boolean) {
    this.schema = schema
    this.channel = schema === 'millrace' ? 'millrace' : `millrace_${schema}`
    this.#named = named
  }

  render(statement: Statement): Rendered {
    let rendered = this.#rendered.get(statement)
    if (rendered === undefined) {
      const parameters: string[] = []
      const text = this.inSchema(statement.text).replace(/\$([a-z_]+)/g, (_, name: string) => {
        if (!parameters.includes(name)) parameters.push(name)
        return `$${parameters.indexOf(name) + 1}`
      })
      rendered = { name: this.#named ? statement.name : undefined, text, parameters }
      this.#rendered.set(statement, rendered)
    }
    return rendered
  }

  inSchema(text: string): string {
    return text.replace(/\bmillrace\./g, `"${this.schema}".`)
  }
}

/** The values of a rendered statement, in its order. */
export function valuesOf(rendered: Rendered, values: Readonly<Record<string, Value>>): Value[] {
  return rendered.parameters.map((name) => {
    const value = values[name]
    if (value === undefined) throw new TypeError(`no value for $${name} of ${rendered.name ?? rendered.text}`)
    return value
  })
}

/** An array literal of numbers, or of texts that need no quoting (uuids). */
export function plain(values: readonly (number | string | null)[]): string {
  return `{${values.map((value) => value ?? 'null').join(',')}}`
}

const uuidOid = 2950

/**
 * An array of uuids in PostgreSQL's binary form (`pg` sends a Buffer so): half as long as its text, and the server need not read it
 * letter by letter.
 */
export function uuids(values: readonly string[]): Buffer {
  const buffer = Buffer.allocUnsafe(20 + values.length * 20)
  // One dimension, no nulls, of uuids, this many, counted from 1.
  let at = buffer.writeInt32BE(values.length === 0 ? 0 : 1, 0)
  at = buffer.writeInt32BE(0, at)
  at = buffer.writeInt32BE(uuidOid, at)
  if (values.length === 0) return buffer.subarray(0, at)
  at = buffer.writeInt32BE(values.length, at)
  at = buffer.writeInt32BE(1, at)
  for (const value of values) {
    at = buffer.writeInt32BE(16, at)
    for (let place = 0; place < 36; place += 2) {
      if (place === 8 || place === 13 || place === 18 || place === 23) place += 1
      buffer[at] = (nibble(value.charCodeAt(place)) << 4) | nibble(value.charCodeAt(place + 1))
      at += 1
    }
  }
  return buffer
}

/** Of a hexadecimal digit in either case. */
function nibble(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87
}

/** An array literal of any texts. */
export function texts(values: readonly (string | null)[]): string {
  return arrayLiteral(values)
}
