import { AsyncLocalStorage } from 'node:async_hooks'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { RecordsDatabase } from '../database.ts'

/** A trigger that changes records runs triggers again: this deep and no deeper (as in Salesforce). */
export const maxTriggerDepth = 16

/** Who has the turn in a transaction: its calls come one after another. */
interface Turn {
  readonly database: RecordsDatabase
  /** Triggers that run around it. */
  readonly depth: number
  tail: Promise<unknown>
}

const current = new AsyncLocalStorage<Turn>()
const outer = new WeakMap<RecordsDatabase, Turn>()

/**
 * Calls of one transaction one after another, for the savepoints of two calls at once would undo each other's work; what a trigger calls
 * runs within the call that runs the trigger.
 */
export async function inTurn<T>(database: RecordsDatabase, work: () => Promise<T>): Promise<T> {
  const turn = turnOf(database)
  const before = turn.tail
  const mine = Promise.withResolvers<undefined>()
  turn.tail = mine.promise
  await before
  try {
    return await current.run({ database, depth: turn.depth, tail: Promise.resolve() }, work)
  } finally {
    mine.resolve(undefined)
  }
}

/** One trigger deeper. Throws MILL_TRIGGER_DEPTH at the 17th. */
export async function oneDeeper<T>(
  database: RecordsDatabase,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const { depth } = turnOf(database)
  if (depth >= maxTriggerDepth)
    throw new MillraceError(
      'MILL_TRIGGER_DEPTH',
      `${what} was called by triggers that ${maxTriggerDepth} others had called in turn. Change records in a trigger only where they are not yet as they should be.`,
      { data: { depth, what } },
    )
  return current.run({ database, depth: depth + 1, tail: Promise.resolve() }, work)
}

function turnOf(database: RecordsDatabase): Turn {
  const inside = current.getStore()
  if (inside?.database === database) return inside
  let turn = outer.get(database)
  if (turn === undefined) {
    turn = { database, depth: 0, tail: Promise.resolve() }
    outer.set(database, turn)
  }
  return turn
}
