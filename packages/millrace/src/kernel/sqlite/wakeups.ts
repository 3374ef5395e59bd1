import type { Wakeups } from '../storage/wakeups.ts'
import type { Database } from './database.ts'

/** How often another process's commits are looked for; one look costs microseconds. */
const pollMs = 10

/** Wakes of this process come from its own commits; others show as a changed `data_version`, which does not say what changed. */
export function sqliteWakeups(database: Database): Wakeups {
  let cancel: (() => void) | null = null
  let seen: number | null = null

  const look = (): void => {
    const version = database.foreignVersion()
    if (version !== null && seen !== null && version !== seen) database.emit({ topic: 'rescan' })
    seen = version ?? seen
    if (!database.closed) cancel = database.inBackground(pollMs, look)
  }

  return {
    subscribe: (listener) => database.subscribe(listener),
    start: async () => {
      // A database in memory has no other process.
      if (cancel !== null || database.inMemory) return
      look()
    },
    stop: async () => {
      cancel?.()
      cancel = null
      seen = null
    },
  }
}
