import { statSync } from 'node:fs'
import type { Connection } from './connection.ts'

/** Looked at every so many commits. */
const commitsBetween = 500
/** From here the log is written back and cut, as soon as nobody else reads it. */
const tooManyBytes = 128 * 1024 * 1024

/**
 * SQLite writes its log back at commits but starts it anew only when no reader is in it. Two busy processes may never
 * leave that gap: then this asks for it (R15).
 */
export class WalBound {
  readonly #log: string
  #commits = 0

  constructor(path: string) {
    this.#log = `${path}-wal`
  }

  committed(connection: Connection): void {
    this.#commits += 1
    if (this.#commits % commitsBetween !== 0 || this.#size() < tooManyBytes) return
    try {
      connection.get('pragma wal_checkpoint(truncate)')
    } catch {
      // Busy: asked again after the next commits.
    }
  }

  #size(): number {
    return statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0
  }
}
