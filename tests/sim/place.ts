import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { release } from '../../packages/millrace/src/mill/release.ts'
import { openSqlite } from '../../packages/millrace/src/kernel/sqlite/open.ts'
import { workloadTables } from '../torture/rows.ts'

const ram = '/dev/shm'

/** Where worlds have their database: a file in memory, so that readers see what was committed and nothing else. */
export class Place {
  readonly file: string
  readonly #directory: string
  readonly #empty: Buffer

  private constructor(directory: string, empty: Buffer) {
    this.#directory = directory
    this.#empty = empty
    this.file = join(directory, 'world.db')
  }

  static async make(): Promise<Place> {
    const directory = mkdtempSync(join(existsSync(ram) ? ram : tmpdir(), 'millrace-sim-'))
    const path = join(directory, 'empty.db')
    const storage = await openSqlite({ path, release, now: () => 0 })
    await storage.schema.migrate()
    await storage.close()
    const db = new DatabaseSync(path)
    for (const statement of workloadTables) db.exec(statement)
    db.exec('pragma wal_checkpoint(truncate)')
    db.close()
    return new Place(directory, readFileSync(path))
  }

  /** Empties the database. */
  reset(): void {
    for (const end of ['', '-wal', '-shm']) rmSync(this.file + end, { force: true })
    writeFileSync(this.file, this.#empty)
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
