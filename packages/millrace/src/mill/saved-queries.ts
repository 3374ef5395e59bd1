import type {
  QueryVersion,
  SavedQueries,
  SavedQueryEntry,
  StoredQuery,
} from '../records/saved-query/stored.ts'
import { demandRoomBeside } from './beside.ts'

export interface SaveQueryOptions {
  /** The version that was edited; null: a new one. */
  readonly expected: number | null
  /** Who edits; default the system. */
  readonly by?: string | null
  /** Whose it is; default of all tenants. */
  readonly tenant?: string | null
}

/**
 * List views and reports as administrators edit them, beside those that code defines. Whoever has the mill may change them all: check
 * before who asks. What is written is no part of an open transaction.
 */
export class MillSavedQueries {
  readonly #kind: 'sqlite' | 'postgres'
  readonly #stored: () => Promise<SavedQueries>

  constructor(kind: 'sqlite' | 'postgres', stored: () => Promise<SavedQueries>) {
    this.#kind = kind
    this.#stored = stored
  }

  /** What a tenant sees, by name; also what no longer fits the schema. */
  async list({ tenant = null }: { readonly tenant?: string | null } = {}): Promise<
    readonly SavedQueryEntry[]
  > {
    return (await this.#stored()).list(tenant)
  }

  /** Throws MILL_SAVED_QUERY_UNKNOWN, and MILL_SAVED_QUERY_INVALID for what no longer fits the schema. */
  async load(
    name: string,
    { tenant = null }: { readonly tenant?: string | null } = {},
  ): Promise<StoredQuery> {
    return (await this.#stored()).load(name, tenant)
  }

  /**
   * Stores the next version of `{ type: 'listView' | 'report', … }`. Throws MILL_SAVED_QUERY_INVALID with every problem and its path,
   * MILL_DOCUMENT_CONFLICT when somebody else was faster, MILL_DEFINITION_DUPLICATE for a name that code defines.
   */
  async save(json: unknown, options: SaveQueryOptions): Promise<StoredQuery> {
    demandRoomBeside(this.#kind, 'a saved query')
    return (await this.#stored()).save(json, { by: null, ...options })
  }

  /** Its versions are kept. Throws MILL_DOCUMENT_CONFLICT, MILL_DEFINITION_DUPLICATE. */
  async remove(name: string, options: SaveQueryOptions & { readonly expected: number }): Promise<void> {
    demandRoomBeside(this.#kind, 'a saved query')
    await (await this.#stored()).remove(name, { by: null, ...options })
  }

  /** Its versions, newest first, at most 100; `before`: only older ones. */
  async history(
    name: string,
    options: { readonly tenant?: string | null; readonly before?: number | null } = {},
  ): Promise<readonly QueryVersion[]> {
    return (await this.#stored()).history(name, options)
  }
}
