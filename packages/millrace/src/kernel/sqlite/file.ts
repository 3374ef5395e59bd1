import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { MillraceError, type ErrorCode } from '../rules/errors.ts'
import type { Database } from './database.ts'
import { resultCode, translated } from './errors.ts'

/** Makes the folders of the file; throws for what can never be opened, in words better than SQLite's. */
export function prepareFolder(path: string): void {
  if (path === ':memory:') return
  const folder = dirname(resolve(path))
  makeFolder(folder, path)
  if (isFolder(path)) {
    throw fileError('MILL_STORAGE_UNAVAILABLE', `${path} is a folder, not a SQLite database`, path)
  }
  demandWritable(folder, path)
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  } catch (cause) {
    throw fileError(codeOf(cause), `${path} cannot be looked at`, path, cause)
  }
}

function makeFolder(folder: string, path: string): void {
  if (existsSync(folder)) return
  const above = nearestThatExists(folder)
  try {
    // Node says ENOENT when the file system is read-only; this says why.
    accessSync(above, constants.W_OK)
    mkdirSync(folder, { recursive: true })
  } catch (cause) {
    throw fileError(codeOf(cause), `The folder ${folder} of the SQLite database cannot be made`, path, cause)
  }
}

function nearestThatExists(folder: string): string {
  let above = folder
  while (!existsSync(above)) above = dirname(above)
  return above
}

/** In WAL mode also the folder is written, and two files beside the database. */
function demandWritable(folder: string, path: string): void {
  const files = [path, `${path}-wal`, `${path}-shm`].filter((file) => existsSync(file))
  for (const place of [...files, folder]) {
    try {
      accessSync(place, constants.R_OK | constants.W_OK)
    } catch (cause) {
      throw fileError(codeOf(cause), `${place} cannot be read and written`, path, cause)
    }
  }
}

function codeOf(error: unknown): ErrorCode {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'MILL_STORAGE_FULL'
  return code === 'EROFS' || code === 'EACCES' || code === 'EPERM'
    ? 'MILL_STORAGE_READ_ONLY'
    : 'MILL_STORAGE_UNAVAILABLE'
}

/** Takes the write lock and gives it back, reads the schema: a database that cannot do that shows here. */
export async function checkFile(database: Database): Promise<void> {
  await database.write(null, ({ connection }) => {
    connection.get('select count(*) from sqlite_schema')
  })
}

/** What opening failed with. A read-only mount makes WAL say 14, "unable to open" (trap 10). */
export function openError(error: unknown, path: string): unknown {
  const known = translated(error)
  if (!(known instanceof MillraceError)) return known
  if (resultCode(known.cause) === 14 && isReadOnly(path)) {
    return fileError('MILL_STORAGE_READ_ONLY', `${path} cannot be written`, path, known.cause)
  }
  return new MillraceError(known.code, `SQLite database ${path}: ${known.message}`, {
    cause: known.cause ?? known,
    data: { ...known.data, path },
  })
}

function isReadOnly(path: string): boolean {
  try {
    demandWritable(dirname(resolve(path)), path)
    return false
  } catch (error) {
    return error instanceof MillraceError && error.code === 'MILL_STORAGE_READ_ONLY'
  }
}

function fileError(code: ErrorCode, message: string, path: string, cause?: unknown): MillraceError {
  return new MillraceError(code, `${message}.`, { cause, data: { path } })
}
