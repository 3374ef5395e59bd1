import type { Statement } from '../database.ts'

/** Text of a statement in the making. Values go in by `value` alone; names are `identifier`s of the schema: no value is ever spliced in. */
export class Sql {
  readonly #segments = ['']
  readonly #params: unknown[] = []

  text(text: string): this {
    const last = this.#segments.length - 1
    this.#segments[last] = `${this.#segments[last] ?? ''}${text}`
    return this
  }

  value(value: unknown): this {
    this.#params.push(value)
    this.#segments.push('')
    return this
  }

  /** Parts with a comma between. */
  list<T>(parts: readonly T[], each: (part: T) => unknown): this {
    parts.forEach((part, at) => {
      if (at > 0) this.text(', ')
      each(part)
    })
    return this
  }

  get statement(): Statement {
    return { segments: this.#segments, params: this.#params }
  }
}
