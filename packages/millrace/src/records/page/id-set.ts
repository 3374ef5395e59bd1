import { isJobId } from '../../kernel/rules/ids.ts'
import type { RowId, Snapshot, SnapshotAccess } from '../../kernel/storage/snapshots.ts'
import type { RecordsEnv } from '../env.ts'
import { compileIds } from '../sql/compile.ts'
import { fatal, opening, reading } from './errors.ts'
import { compileEnv } from '../sql/env.ts'
import { encodeQuery, type BoundQuery } from './stored-query.ts'

/** What work over fixed sets of ids needs. */
export interface SnapshotEnv extends RecordsEnv {
  /** Of the caller's transaction where one is open, else beside. */
  readonly snapshots: SnapshotAccess
}

export interface IdSetOptions {
  /** As errors name it: 'a cursor'. */
  readonly what: string
  readonly purpose: string
  readonly ttlMs: number
  readonly maxRows: number
}

/** Used before: it lives for this share of its time to live longer than promised, so that not every use is a write. */
const slack = 24

/**
 * Fixes the ids of a query as they are now, in its order (semantics C-02). They never leave the database. Throws what is wrong with the
 * query, MILL_CURSOR_FATAL for more than `maxRows`, MILL_CURSOR_TRANSIENT.
 */
export async function fixIds(
  env: SnapshotEnv,
  { query, binds }: BoundQuery,
  { what, purpose, ttlMs, maxRows }: IdSetOptions,
): Promise<{ readonly id: string; readonly total: number }> {
  const id = env.newId()
  const statement = compileIds(query, { ...compileEnv(env), binds })
  const total = await opening(what, () =>
    env.snapshots.create({
      ...{ id, tenant: env.caller.tenant, purpose, detail: encodeQuery(query, binds) },
      ...{ ttlMs: ttlMs + ttlMs / slack, maxRows, statement },
    }),
  )
  if (total !== 'tooLarge') return { id, total }
  throw fatal(`${what} may have ${maxRows} records; its query has more`, { maxRows })
}

/** Throws MILL_CURSOR_FATAL when it is unknown, expired, or of another tenant: one and the same to who asks. */
export async function findIds(env: SnapshotEnv, what: string, id: string): Promise<Snapshot> {
  const found = isJobId(id) ? await reading(what, () => env.snapshots.find(id)) : null
  if (found === null || found.tenant !== env.caller.tenant) throw gone(what, id)
  return found
}

/** `count` of them from `position`; its life is extended. Throws as `findIds`. */
export async function idsAt(
  env: SnapshotEnv,
  { what, id, ttlMs }: { readonly what: string; readonly id: string; readonly ttlMs: number },
  position: number,
  count: number,
): Promise<readonly RowId[]> {
  return reading(what, async () => {
    const found = isJobId(id) ? await env.snapshots.ids(id, position, count) : null
    if (found === null || found.tenant !== env.caller.tenant) throw gone(what, id)
    if (isToExtend(found.remainingMs, ttlMs)) await env.snapshots.extend(id, ttlMs + ttlMs / slack)
    return found.ids
  })
}

/** It must live for `ttlMs` after this use. */
function isToExtend(remainingMs: number, ttlMs: number): boolean {
  return remainingMs < ttlMs
}

function gone(what: string, id: string): Error {
  return fatal(`${what} ${id} is unknown here or has expired`, { id })
}
