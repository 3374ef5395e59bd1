/**
 * What an administrator edits and code does not hold: list views, reports, and the definitions of later tools. The names were
 * checked before; the body is JSON text, kept letter by letter.
 */
export interface DocumentKey {
  readonly kind: string
  /** Exactly as written. */
  readonly name: string
  /** null: it belongs to all tenants. */
  readonly tenant: string | null
}

/** One version of a document. Versions count from 1 and are never written again. */
export interface DocumentVersion extends DocumentKey {
  readonly version: number
  /** null: this version is the removal. */
  readonly body: string | null
  /** Who wrote it; null = the system. */
  readonly by: string | null
  /** Epoch ms, by the database's clock. */
  readonly at: number
}

/** A document as it stands: its newest version, which is no removal. */
export interface StoredDocument extends DocumentVersion {
  readonly body: string
}

export interface DocumentPut {
  readonly body: string
  /** The version that the writer has seen: it must still be the newest. null: there must be none, or a removed one. */
  readonly expected: number | null
  readonly by: string | null
}

/** Versioned documents with optimistic concurrency: who writes over a version that he has not seen is refused. */
export interface Documents {
  /**
   * Writes the next version and returns it. Throws MILL_DOCUMENT_CONFLICT when the newest is not `expected`; `data.version` is the
   * newest (null: there is none) and `data.removed` whether it is a removal.
   */
  put(key: DocumentKey, put: DocumentPut): Promise<StoredDocument>
  /** The removal is a version of its own, so that it can be seen and undone by a put. Throws MILL_DOCUMENT_CONFLICT. */
  remove(
    key: DocumentKey,
    removal: Omit<DocumentPut, 'body' | 'expected'> & { readonly expected: number },
  ): Promise<DocumentVersion>
  /** As it stands; null when there is none or it was removed. */
  get(key: DocumentKey): Promise<StoredDocument | null>
  /** As the tenant sees it: its own, else the one of all tenants. */
  find(key: DocumentKey): Promise<StoredDocument | null>
  /** What a tenant sees of a kind, by name; its own hides one of all tenants with the same name. null: only those of all. */
  list(
    kind: string,
    tenant: string | null,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly StoredDocument[]>
  /** One version, also of a document that was removed. */
  version(key: DocumentKey, version: number): Promise<DocumentVersion | null>
  /** Newest first; `before`: only older versions than this. */
  versions(
    key: DocumentKey,
    page: { readonly before: number | null; readonly limit: number },
  ): Promise<readonly DocumentVersion[]>
}
