import type pg from 'pg'
import { MillraceError } from '../rules/errors.ts'
import { isTransactionStatement } from '../rules/transaction-statement.ts'

/**
 * The `pg` client of a transaction, for an ORM. `check` runs before each statement and throws once the transaction is
 * over, so that a promise left behind cannot write into the next one on the same connection (trap 11). It can be
 * neither released nor ended, and BEGIN, COMMIT and ROLLBACK are refused, behind another statement by the server; savepoints
 * work.
 */
export function guardClient(client: pg.PoolClient, check: () => void): pg.PoolClient {
  const query = (...args: unknown[]): unknown => {
    try {
      check()
      refuseTransactionStatement(textOf(args[0]))
    } catch (error) {
      const callback = args.at(-1)
      if (typeof callback !== 'function') return Promise.reject(asError(error))
      process.nextTick(callback, error)
      return undefined
    }
    const [first, ...rest] = args
    return (client.query as (...args: unknown[]) => unknown).call(client, alone(first), ...rest)
  }
  const nothing = (): void => undefined
  return new Proxy(client, {
    get(target, property) {
      if (property === 'query') return query
      if (property === 'release' || property === 'end') return nothing
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/**
 * A text that may hide a COMMIT behind another statement goes by the extended protocol, which takes one statement only. Whether
 * it is one or stands in a literal is for the server to tell.
 */
function alone(query: unknown): unknown {
  const hides = textOf(query).split(';').slice(1).some(isTransactionStatement)
  if (!hides) return query
  if (typeof query === 'string') return { text: query, queryMode: 'extended' }
  return 'submit' in (query as object) ? query : { ...(query as object), queryMode: 'extended' }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function textOf(query: unknown): string {
  const text = typeof query === 'string' ? query : (query as { readonly text?: unknown } | null)?.text
  return typeof text === 'string' ? text : ''
}

export function refuseTransactionStatement(text: string): void {
  if (!isTransactionStatement(text)) return
  throw new MillraceError(
    'MILL_TRANSACTION_STATEMENT',
    `this belongs to Millrace: ${text.trim().slice(0, 80)}`,
  )
}
