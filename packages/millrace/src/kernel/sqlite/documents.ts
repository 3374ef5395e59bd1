import type {
  DocumentKey,
  DocumentPut,
  Documents,
  DocumentVersion,
  StoredDocument,
} from '../storage/documents.ts'
import { documentConflict } from '../storage/document-conflict.ts'
import type { Connection } from './connection.ts'
import type { Database, Writing } from './database.ts'

type Row<Body> = Omit<DocumentVersion, 'tenant' | 'body'> & { readonly tenant: string; readonly body: Body }

/** `d` is the head, `v` its newest version. */
const standing = `select v.kind, v.tenant, v.name, v.version, v.body, v.by, v.at
  from millrace_document d
  join millrace_document_version v using (kind, tenant, name, version)
  where not d.removed and d.kind = ?1`
const versionsOf = `select kind, tenant, name, version, body, by, at from millrace_document_version
  where kind = ?1 and tenant = ?2 and name = ?3`

function keyOf({ kind, tenant, name }: DocumentKey): [kind: string, tenant: string, name: string] {
  return [kind, tenant ?? '', name]
}

function versionOf<Body extends string | null>(row: Row<Body>): DocumentVersion & { readonly body: Body } {
  return { ...row, tenant: row.tenant === '' ? null : row.tenant }
}

function write(
  { connection, now }: Writing,
  key: DocumentKey,
  { body, expected, by }: Omit<DocumentPut, 'body'> & { readonly body: string | null },
): DocumentVersion {
  const head = connection.get<{ version: number; removed: number }>(
    'select version, removed from millrace_document where kind = ? and tenant = ? and name = ?',
    ...keyOf(key),
  )
  const seen = head === undefined || head.removed === 1 ? null : head.version
  if (seen !== expected)
    throw documentConflict(key, expected, head && { version: head.version, removed: head.removed === 1 })
  const version = (head?.version ?? 0) + 1
  connection.run(
    `insert into millrace_document (kind, tenant, name, version, removed) values (?, ?, ?, ?, ?)
     on conflict (kind, tenant, name) do update set version = excluded.version, removed = excluded.removed`,
    ...[...keyOf(key), version, body === null ? 1 : 0],
  )
  connection.run(
    'insert into millrace_document_version (kind, tenant, name, version, body, by, at) values (?, ?, ?, ?, ?, ?, ?)',
    ...[...keyOf(key), version, body, by, now],
  )
  const { kind, tenant, name } = key
  return { kind, tenant, name, version, body, by, at: now }
}

function one(
  connection: Connection,
  more: string,
  ...values: readonly (string | number)[]
): StoredDocument | null {
  const row = connection.get<Row<string>>(`${standing} ${more}`, ...values)
  return row === undefined ? null : versionOf(row)
}

export function sqliteDocuments(database: Database): Documents {
  return {
    put: (key, put) => database.write(null, (writing) => ({ ...write(writing, key, put), body: put.body })),
    remove: (key, removal) =>
      database.write(null, (writing) => write(writing, key, { ...removal, body: null })),
    get: (key) =>
      database.read((connection) => one(connection, 'and d.tenant = ?2 and d.name = ?3', ...keyOf(key))),
    find: (key) =>
      database.read((connection) =>
        one(
          connection,
          `and d.tenant in (?2, '') and d.name = ?3 order by d.tenant desc limit 1`,
          ...keyOf(key),
        ),
      ),
    list: (kind, tenant, { after, limit }) =>
      database.read((connection) =>
        connection
          .all<Row<string>>(
            `${standing} and d.tenant in (?2, '') and d.name > ?3 and not (d.tenant <> ?2 and exists (
               select 1 from millrace_document o
               where o.kind = ?1 and o.tenant = ?2 and o.name = d.name and not o.removed))
             order by d.name limit ?4`,
            ...[kind, tenant ?? '', after ?? '', limit],
          )
          .map(versionOf),
      ),
    version: (key, version) =>
      database.read((connection) => {
        const row = connection.get<Row<string | null>>(
          `${versionsOf} and version = ?4`,
          ...keyOf(key),
          version,
        )
        return row === undefined ? null : versionOf(row)
      }),
    versions: (key, { before, limit }) =>
      database.read((connection) =>
        connection
          .all<Row<string | null>>(
            `${versionsOf} and version < ?4 order by version desc limit ?5`,
            ...[...keyOf(key), before ?? Number.MAX_SAFE_INTEGER, limit],
          )
          .map(versionOf),
      ),
  }
}
