import { MillraceError } from '../rules/errors.ts'

/** Two processes on one file may damage it with older ones (trap 9). */
const safe = [3, 51, 3] as const

/** Throws MILL_SQLITE_TOO_OLD. */
export function demandSafeSqlite(version: string | undefined): void {
  const parts = (version ?? '').split('.').map(Number)
  for (const [index, wanted] of safe.entries()) {
    const part = parts[index] ?? Number.NaN
    if (part > wanted) return
    if (part !== wanted) throw tooOld(version)
  }
}

function tooOld(version: string | undefined): MillraceError {
  return new MillraceError(
    'MILL_SQLITE_TOO_OLD',
    `This Node has SQLite ${version ?? 'of an unknown version'}; Millrace needs ${safe.join('.')} or newer.`,
    { data: { sqlite: version ?? null } },
  )
}
