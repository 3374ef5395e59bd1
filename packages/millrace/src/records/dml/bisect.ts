import type { RecordsDatabase } from '../database.ts'
import { fail, isAlive, type Item } from './item.ts'
import type { DmlError } from './result.ts'
import { savepoint } from './savepoint.ts'

/** A bulk statement that touched fewer rows than it was given. */
export class Incomplete extends Error {
  override readonly name = 'Incomplete'
}

export interface Bisection {
  readonly database: RecordsDatabase
  /** One bulk statement over rows; throws when one of them is bad, or Incomplete. */
  readonly attempt: (items: readonly Item[]) => Promise<void>
  /** What the error says of a single row; null: it is not the row's fault. */
  readonly rowError: (error: unknown) => DmlError | null
  /** Notes what can be told at once of the rows of a failed attempt; the others are tried again. */
  readonly diagnose?: (items: readonly Item[], error: unknown) => Promise<void>
}

/**
 * All rows in one statement within a savepoint; when that fails, what can be told of its rows at once, then halves. So the good rows
 * all go in, with about 2 · log2(n) statements for each bad one and at most 2n. Throws what is no row's fault.
 */
export async function bisect(items: readonly Item[], how: Bisection): Promise<void> {
  const [only] = items
  if (only === undefined) return
  try {
    await savepoint(how.database, () => how.attempt(items))
    return
  } catch (error) {
    const wrong = how.rowError(error)
    if (wrong === null) throw error
    await how.diagnose?.(items, error)
    const left = items.filter(isAlive)
    if (left.length < items.length) {
      await bisect(left, how)
      return
    }
    if (items.length === 1) {
      fail(only, wrong)
      return
    }
  }
  const middle = items.length >> 1
  await bisect(items.slice(0, middle), how)
  await bisect(items.slice(middle), how)
}
