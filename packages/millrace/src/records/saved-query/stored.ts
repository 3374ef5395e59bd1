import { meant } from '../../kernel/rules/nearest-name.ts'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { checkStorableJson } from '../../kernel/rules/text.ts'
import type {
  DocumentKey,
  Documents,
  DocumentVersion,
  StoredDocument,
} from '../../kernel/storage/documents.ts'
import type { Schema } from '../object/schema.ts'
import { Issues } from './issues.ts'
import { checkSavedQuery, readSavedQuery, savedQueryText } from './json.ts'
import type { SavedQuery } from './saved-query.ts'

/** A list view or report as it is stored, or as code defines it. */
export interface StoredQuery {
  readonly query: SavedQuery
  /** null: it is defined in code, and cannot be edited. */
  readonly version: number | null
  /** null: it belongs to all tenants. */
  readonly tenant: string | null
  readonly by: string | null
  /** When this version was written; null for what is in code. */
  readonly at: Date | null
}

export interface QueryVersion {
  readonly version: number
  readonly by: string | null
  readonly at: Date
  /** As it was written, so that versions can be compared; null: it was removed then. */
  readonly text: string | null
}

export interface SaveOptions {
  /** The version that was edited; null: a new one. */
  readonly expected: number | null
  /** Who edits; null = the system. */
  readonly by: string | null
  /** Whose it is; null (default): of all tenants. */
  readonly tenant?: string | null
}

const kind = 'savedQuery'
const mostBytes = 262_144
const mostListed = 1_000

/** List views and reports: those that code defines, and those that administrators edit while the system runs. */
export class SavedQueries {
  readonly #documents: Documents
  readonly #schema: Schema
  readonly #inCode: ReadonlyMap<string, SavedQuery>

  /** Throws MILL_DEFINITION_DUPLICATE for two of one name, MILL_SAVED_QUERY_INVALID for one that does not fit the schema. */
  constructor(documents: Documents, schema: Schema, inCode: readonly SavedQuery[] = []) {
    this.#documents = documents
    this.#schema = schema
    const found = new Map<string, SavedQuery>()
    for (const query of inCode) {
      if (found.has(query.name))
        throw new MillraceError('MILL_DEFINITION_DUPLICATE', `two saved queries are named ${query.name}.`)
      found.set(query.name, readable(query, schema))
    }
    this.#inCode = found
  }

  /**
   * What a tenant runs under a name: that of code, its own, or that of all. Throws MILL_SAVED_QUERY_UNKNOWN with the nearest name, and
   * MILL_SAVED_QUERY_INVALID when what is stored no longer fits the schema.
   */
  async load(name: string, tenant: string | null = null): Promise<StoredQuery> {
    const inCode = this.#inCode.get(name)
    if (inCode !== undefined) return ofCode(inCode)
    const found = await this.#documents.find(keyOf(name, tenant))
    if (found !== null) return { ...stored(found), query: readSavedQuery(parsed(found), this.#schema) }
    const near = meant(
      name,
      (await this.list(tenant)).map(({ name: other }) => other),
    )
    throw new MillraceError('MILL_SAVED_QUERY_UNKNOWN', `there is no list view or report ${name}${near}.`, {
      data: { name },
    })
  }

  /** Names, labels and objects by name, of at most 1,000 that are stored; also of those that no longer fit the schema. */
  async list(tenant: string | null = null): Promise<readonly SavedQueryEntry[]> {
    const found = await this.#documents.list(kind, tenant, { after: null, limit: mostListed })
    const own = found.filter(({ name }) => !this.#inCode.has(name)).map(entryOf)
    const inCode = [...this.#inCode.values()].map(({ name, label, type, object }) => ({
      ...{ name, label, type, object },
      ...{ version: null, tenant: null },
    }))
    return [...inCode, ...own].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * Stores a new version of what somebody edited, when it fits the schema. Throws MILL_SAVED_QUERY_INVALID with every problem,
   * MILL_DOCUMENT_CONFLICT when somebody else was faster, and MILL_DEFINITION_DUPLICATE for a name that code defines.
   */
  async save(json: unknown, options: SaveOptions): Promise<StoredQuery> {
    const query = readSavedQuery(json, this.#schema)
    this.#refuseInCode(query.name)
    const body = checkStorableJson(savedQueryText(query), `saved query ${query.name}`)
    refuseLarge(query.name, body)
    const { expected, by, tenant = null } = options
    return { ...stored(await this.#documents.put(keyOf(query.name, tenant), { body, expected, by })), query }
  }

  /** Its versions are kept. Throws MILL_DOCUMENT_CONFLICT, and MILL_DEFINITION_DUPLICATE for a name that code defines. */
  async remove(name: string, options: SaveOptions & { readonly expected: number }): Promise<void> {
    this.#refuseInCode(name)
    const { expected, by, tenant = null } = options
    await this.#documents.remove(keyOf(name, tenant), { expected, by })
  }

  /** Newest first, at most 100; `before`: only older ones. */
  async history(
    name: string,
    {
      tenant = null,
      before = null,
    }: { readonly tenant?: string | null; readonly before?: number | null } = {},
  ): Promise<readonly QueryVersion[]> {
    const versions = await this.#documents.versions(keyOf(name, tenant), { before, limit: 100 })
    return versions.map(({ version, by, at, body }) => ({ version, by, at: new Date(at), text: body }))
  }

  #refuseInCode(name: string): void {
    if (!this.#inCode.has(name)) return
    throw new MillraceError(
      'MILL_DEFINITION_DUPLICATE',
      `${name} is defined in code, where alone it can be changed.`,
    )
  }
}

export interface SavedQueryEntry {
  readonly name: string
  readonly label: string
  readonly type: SavedQuery['type']
  readonly object: string
  readonly version: number | null
  readonly tenant: string | null
}

function keyOf(name: string, tenant: string | null): DocumentKey {
  return { kind, name, tenant }
}

/** Found wrong at the start, not when it is first run. */
function readable(query: SavedQuery, schema: Schema): SavedQuery {
  checkSavedQuery(query, schema)
  return query
}

function ofCode(query: SavedQuery): StoredQuery {
  return { query, version: null, tenant: null, by: null, at: null }
}

function stored({ version, tenant, by, at }: DocumentVersion): Omit<StoredQuery, 'query'> {
  return { version, tenant, by, at: new Date(at) }
}

function parsed({ body }: StoredDocument): unknown {
  return JSON.parse(body)
}

/** It was checked when it was stored; what later releases store may look otherwise. */
function entryOf(document: StoredDocument): SavedQueryEntry {
  const { label, type, object } = parsed(document) as Readonly<Record<string, unknown>>
  const { name, version, tenant } = document
  return {
    ...{ name, version, tenant },
    label: typeof label === 'string' ? label : name,
    type: type === 'report' ? 'report' : 'listView',
    object: typeof object === 'string' ? object : '',
  }
}

function refuseLarge(name: string, body: string): void {
  const bytes = new TextEncoder().encode(body).length
  if (bytes <= mostBytes) return
  const issues = new Issues()
  issues.add('', `has ${bytes} bytes as JSON; at most ${mostBytes} are stored`)
  issues.throwIfAny(`saved query ${name}`)
}
