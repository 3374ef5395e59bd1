import type { Executions } from '../storage/executions.ts'
import { abort, sweepAborts } from './abort.ts'
import { claim, claimGated } from './claim.ts'
import type { Database } from './database.ts'
import { endedAttempt } from './attempt-history.ts'
import { handBack, handBackLease, standingLeases } from './hand-back.ts'
import { settle, settled } from './settle.ts'

export function sqliteExecutions(database: Database): Executions {
  return {
    claim: (params) => database.write('claim', (writing) => claim(writing, params)),
    claimGated: (params, admit) => database.write('claim', (writing) => claimGated(writing, params, admit)),
    settle: (decisions, marks) => {
      const steps = [
        ...(decisions.some((decision) => decision.key.seq >= 0) ? (['settle'] as const) : []),
        ...(decisions.some((decision) => decision.key.seq < 0) ? (['finalizer'] as const) : []),
      ]
      return database.write(steps, (writing) => settle(writing, decisions, marks))
    },
    settled: (decisions) => database.write(null, ({ connection }) => settled(connection, decisions)),
    handBack: (rows) => database.write('handback', (writing) => handBack(writing, rows)),
    leases: (worker) => database.read((connection) => standingLeases(connection, worker)),
    handBackLease: (worker, lease) =>
      database.write('handback', (writing) => handBackLease(writing, worker, lease)),
    ended: (attempts) =>
      database.read((connection) => attempts.map((attempt) => endedAttempt(connection, attempt))),
    abort: (job) => database.write(null, (writing) => abort(writing, job)),
    sweepAborts: () => database.write(null, sweepAborts),
  }
}
