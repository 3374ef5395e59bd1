import { MillraceError } from '../kernel/rules/errors.ts'
import { currentScope } from '../kernel/runtime/execution-scope.ts'
import { currentTransaction } from './ambient.ts'

/**
 * Refuses what cannot be done beside one's own open SQLite transaction, a handler's or one of `mill.transaction`: it would wait
 * for the write lock which that very code holds, until both time out.
 */
export function demandRoomBeside(kind: 'sqlite' | 'postgres', what: string): void {
  if (kind !== 'sqlite') return
  const scope = currentScope()
  const inHandler = scope !== undefined && !scope.closed && scope.opening !== null
  if (!inHandler && currentTransaction() === undefined) return
  throw new MillraceError(
    'MILL_OPTIONS_INVALID',
    `${what} cannot be written beside the SQLite transaction that is open here; do it before that begins`,
  )
}
