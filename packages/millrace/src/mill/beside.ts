import { MillraceError } from '../kernel/rules/errors.ts'
import { currentScope } from '../kernel/runtime/execution-scope.ts'

/**
 * Refuses what a handler cannot do beside its own open SQLite transaction: it would wait for the write lock which that very
 * handler holds, until both time out.
 */
export function demandRoomBeside(kind: 'sqlite' | 'postgres', what: string): void {
  const scope = currentScope()
  if (kind !== 'sqlite' || scope === undefined || scope.closed || scope.opening === null) return
  throw new MillraceError(
    'MILL_OPTIONS_INVALID',
    `${what} cannot be written while the handler's SQLite transaction is open; do it before the first ctx.sql`,
  )
}
