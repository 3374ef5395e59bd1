import type { MillConfig } from './config.ts'
import type { MillParts } from './mill.ts'
import type { Settings } from './settings.ts'

/** What the keeper thread opens: plain data, because it crosses to the thread. */
export interface KeeperTarget {
  readonly settings: Settings
  readonly config: Pick<MillConfig, 'sqlite' | 'postgres'>
}

/** Sources run as they are; what is built has .js beside it. */
const module = new URL(
  import.meta.url.endsWith('.ts') ? './keeper-thread.ts' : './keeper-thread.js',
  import.meta.url,
)

const shortestRenewalMs = 500

/** null where a thread cannot see the database (memory) or the clock is not the machine's. */
export function keeperThreadOf({
  settings,
  config,
  realTime,
}: MillParts): { module: URL; target: KeeperTarget; blockedLimitMs: number } | null {
  if (!realTime || settings.storage.endsWith(':memory:')) return null
  const { sqlite, postgres } = config
  // A heartbeat that is not answered must be given up while there is time for another, over another connection.
  const queryTimeoutMs = Math.min(settings.queryTimeoutMs, Math.max(settings.heartbeatMs, shortestRenewalMs))
  const target: KeeperTarget = {
    settings: { ...settings, poolSize: 2, queryTimeoutMs },
    config: { ...(sqlite === undefined ? {} : { sqlite }), ...(postgres === undefined ? {} : { postgres }) },
  }
  return { module, target, blockedLimitMs: settings.blockedLimitMs }
}
