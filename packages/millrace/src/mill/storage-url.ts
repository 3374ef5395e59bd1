import { MillraceError } from '../kernel/rules/errors.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { ForeignTransactions } from '../kernel/storage/foreign.ts'
import type { MillConfig, MillInternals } from './config.ts'
import { release } from './release.ts'
import type { Settings } from './settings.ts'

export interface Opened {
  readonly storage: Storage
  /** PostgreSQL only. */
  readonly foreign: ForeignTransactions | null
}

/** Opens what the storage text names; passwords never reach an error's text. */
export async function openStorage(
  settings: Settings,
  config: MillConfig,
  internals: MillInternals,
): Promise<Opened> {
  const text = settings.storage
  const after = internals.clock === undefined ? {} : { after: internals.clock.after.bind(internals.clock) }
  const faults = internals.faults === undefined ? {} : { faults: internals.faults }
  if (text.startsWith('sqlite:')) {
    const path = text.slice('sqlite:'.length)
    if (path === '') throw urlError(text)
    // Each database's driver is loaded only where it is used.
    const { openSqlite } = await import('../kernel/sqlite/open.ts')
    const storage = await openSqlite({
      path,
      release,
      ...after,
      ...faults,
      ...(config.sqlite?.synchronous === undefined ? {} : { synchronous: config.sqlite.synchronous }),
      ...(internals.databaseNow === undefined ? {} : { now: internals.databaseNow }),
    })
    return { storage, foreign: null }
  }
  if (/^postgres(ql)?:\/\//.test(text)) {
    if (!URL.canParse(text)) throw urlError(text)
    const { schema, pooler, listenUrl } = config.postgres ?? {}
    const { openPostgres } = await import('../kernel/postgres/open.ts')
    const storage = await openPostgres({
      url: text,
      release,
      poolSize: settings.poolSize,
      idleMs: settings.leaseMs,
      queryTimeoutMs: settings.queryTimeoutMs,
      ...after,
      ...faults,
      ...(schema === undefined ? {} : { schema }),
      ...(pooler === undefined ? {} : { pooler }),
      ...(listenUrl === undefined ? {} : { listenUrl }),
    })
    return { storage, foreign: storage }
  }
  throw urlError(text)
}

function urlError(text: string): MillraceError {
  // A password may stand anywhere after the scheme, or after the first field of a list of them.
  const shown = text.replace(/[:=?@].*$/s, (rest) => `${rest.charAt(0)}…`).slice(0, 60)
  return new MillraceError(
    'MILL_STORAGE_URL_INVALID',
    `storage ${JSON.stringify(shown)} is neither sqlite:… nor postgres://…`,
  )
}
