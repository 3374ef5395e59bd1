import { MillraceError } from '../../kernel/rules/errors.ts'

/** One problem of a saved query: where it is (`filters[2].operator`) and what it is. */
export interface SavedQueryIssue {
  readonly path: string
  readonly message: string
}

/** Gathers all problems, so that an editor can show them together. */
export class Issues {
  readonly #found: SavedQueryIssue[] = []

  add(path: string, message: string): void {
    this.#found.push({ path, message })
  }

  get found(): readonly SavedQueryIssue[] {
    return this.#found
  }

  /** Throws MILL_SAVED_QUERY_INVALID when there is any; `data.issues` has them all. */
  throwIfAny(where: string): void {
    if (this.#found.length === 0) return
    const shown = this.#found
      .slice(0, 5)
      .map(({ path, message }) => `${path === '' ? '' : `${path} `}${message}`)
    const more = this.#found.length > 5 ? `; and ${this.#found.length - 5} more` : ''
    throw new MillraceError('MILL_SAVED_QUERY_INVALID', `${where}: ${shown.join('; ')}${more}.`, {
      data: { issues: this.#found },
    })
  }
}
