import { documentConflict } from '../storage/document-conflict.ts'
import type {
  DocumentKey,
  DocumentPut,
  Documents,
  DocumentVersion,
  StoredDocument,
} from '../storage/documents.ts'
import type { Database } from './database.ts'
import type { Values } from './pool.ts'
import { statement, type Statement } from './statement.ts'

type Row<Body> = Omit<DocumentVersion, 'tenant' | 'body'> & { readonly tenant: string; readonly body: Body }

const columns = (
  of: string,
): string => `${of}.kind, ${of}.tenant, ${of}.name, ${of}.version, ${of}.body, ${of}.by,
  (extract(epoch from ${of}.at) * 1000)::float8 as at`
const standing = `select ${columns('v')}
  from millrace.document d
  join millrace.document_version v using (kind, tenant, name, version)
  where not d.removed and d.kind = $kind`
const versionsOf = `select ${columns('v')} from millrace.document_version v
  where v.kind = $kind and v.tenant = $tenant and v.name = $name`

/** The row lock of the head decides between two editors: the second sees what the first wrote, and writes nothing. */
const writeVersion = statement(
  'document_write',
  `with head as (
    insert into millrace.document as d (kind, tenant, name, version, removed)
    select $kind, $tenant, $name, 1, $body::text is null
    where $expected::int is null
      or exists (select from millrace.document where (kind, tenant, name) = ($kind, $tenant, $name))
    on conflict (kind, tenant, name) do update set version = d.version + 1, removed = excluded.removed
    where case when d.removed then $expected::int is null else d.version = $expected::int end
    returning version
  ), written as (
    insert into millrace.document_version (kind, tenant, name, version, body, by)
    select $kind, $tenant, $name, version, $body::text, $by::text from head
    returning *
  )
  select ${columns('written')} from written`,
)

const headOf = statement(
  'document_head',
  `select version, removed from millrace.document where (kind, tenant, name) = ($kind, $tenant, $name)`,
)

const getOne = statement('document_get', `${standing} and d.tenant = $tenant and d.name = $name`)

const findOne = statement(
  'document_find',
  `${standing} and d.tenant in ($tenant, '') and d.name = $name order by d.tenant desc limit 1`,
)

const listPage = statement(
  'document_list',
  `${standing} and d.tenant in ($tenant, '') and d.name > $after and not (d.tenant <> $tenant and exists (
     select from millrace.document o
     where (o.kind, o.tenant, o.name) = ($kind, $tenant, d.name) and not o.removed))
   order by d.name limit $limit`,
)

const oneVersion = statement('document_version', `${versionsOf} and v.version = $version`)

const versionPage = statement(
  'document_versions',
  `${versionsOf} and v.version < $before order by v.version desc limit $limit`,
)

/** As PostgreSQL's `int` has it. */
const greatest = 2_147_483_647

function keyOf({ kind, tenant, name }: DocumentKey): { kind: string; tenant: string; name: string } {
  return { kind, tenant: tenant ?? '', name }
}

function versionOf<Body extends string | null>(row: Row<Body>): DocumentVersion & { readonly body: Body } {
  return { ...row, tenant: row.tenant === '' ? null : row.tenant }
}

export function documents(db: Database): Documents {
  async function write(
    key: DocumentKey,
    { body, expected, by }: Omit<DocumentPut, 'body'> & { readonly body: string | null },
  ): Promise<DocumentVersion> {
    const { rows } = await db.background.run<Row<string | null>>(writeVersion, {
      ...keyOf(key),
      body,
      expected,
      by,
    })
    if (rows[0] !== undefined) return versionOf(rows[0])
    const head = await db.background.run<{ version: number; removed: boolean }>(headOf, keyOf(key))
    throw documentConflict(key, expected, head.rows[0])
  }

  async function stored(what: Statement, values: Values): Promise<readonly StoredDocument[]> {
    return (await db.background.run<Row<string>>(what, values)).rows.map(versionOf)
  }

  async function versions(what: Statement, values: Values): Promise<readonly DocumentVersion[]> {
    return (await db.background.run<Row<string | null>>(what, values)).rows.map(versionOf)
  }

  return {
    put: async (key, put) => ({ ...(await write(key, put)), body: put.body }),
    remove: (key, removal) => write(key, { ...removal, body: null }),
    get: async (key) => (await stored(getOne, keyOf(key)))[0] ?? null,
    find: async (key) => (await stored(findOne, keyOf(key)))[0] ?? null,
    list: (kind, tenant, { after, limit }) =>
      stored(listPage, { kind, tenant: tenant ?? '', after: after ?? '', limit }),
    version: async (key, version) => (await versions(oneVersion, { ...keyOf(key), version }))[0] ?? null,
    versions: (key, { before, limit }) =>
      versions(versionPage, { ...keyOf(key), before: before ?? greatest, limit }),
  }
}
