import type { Decision } from '../rules/decision.ts'
import type { ExecutionKey, LeaseId } from '../rules/execution.ts'
import type { LeaseMark } from '../storage/executions.ts'
import { committing, type Database, type FaultStep } from './database.ts'
import {
  consequencesCtes,
  consequenceValues,
  decisionValues,
  hasConsequences,
  settledCte,
  wakesOfDecisions,
} from './decisions.ts'
import { broken } from './errors.ts'
import { keptValues, markedCtes } from './keep.ts'
import { encode } from './notices.ts'
import { plain, statement, texts } from './statement.ts'

/** The fence: a rescue deletes the lease, so a late settle finds none and writes nothing. */
const held = `held as (
  select id from millrace.lease where id = any ($leases::bigint[]) order by id for key share
)`

const emptied = `emptied as (
  delete from millrace.lease using total where id = any ($finished::bigint[])
)`

/**
 * The marks join the count of `settled`: writing CTEs run in no promised order, and a lease that was changed first by
 * its own statement is skipped by the lock of `held`, so that history would be lost without an error.
 */
const marks = `total as (
  select count(*)::int as n from settled
), marked as (
  update millrace.lease set running = m.positions::smallint[]
  from total, unnest($m_leases::bigint[], $m_positions::text[]) as m (lease, positions)
  where id = m.lease
), ${emptied}`

const settleShort = statement(
  'settle',
  `with ${held}, ${settledCte('now()')}, ${marks}
  select array(select id from held) as held, n from total`,
)

const settleLong = statement(
  'settle_long',
  `with ${held}, ${settledCte('now()')}, ${consequencesCtes}, ${markedCtes}, ${emptied}
  select array(select id from held) as held, n,
    (select count(pg_notify($channel, notice)) from unnest($notices::text[]) as notice) as notified
  from total`,
)

/** Waits for a settle under way, which has its lease locked; what it wrote shows to the next statement only (trap 6). */
const waitForLeases = statement(
  'settled_lock',
  'select id from millrace.lease where id = any ($leases::bigint[]) order by id for update',
)

const findSettled = statement(
  'settled',
  `select d.job, d.seq, d.attempt
   from unnest($jobs::uuid[], $seqs::int[], $attempts::int[], $leases::bigint[], $outcomes::smallint[])
     as s (job, seq, attempt, lease, outcome)
   join millrace.done d
     on (d.job, d.seq, d.attempt, d.lease, d.outcome) = (s.job, s.seq, s.attempt, s.lease, s.outcome)`,
)

export async function settle(
  db: Database,
  decisions: readonly Decision[],
  leaseMarks: readonly LeaseMark[],
): Promise<{ readonly fenced: readonly LeaseId[] }> {
  const leases = [
    ...new Set([...decisions.map(({ lease }) => lease), ...leaseMarks.map(({ lease }) => lease)]),
  ]
  if (leases.length === 0) return { fenced: [] }
  const changed = leaseMarks.filter((mark) => !mark.finished)
  const finished = leaseMarks.filter((mark) => mark.finished)
  const short = {
    ...decisionValues(decisions),
    leases: plain(leases),
    m_leases: plain(changed.map(({ lease }) => lease)),
    m_positions: texts(changed.map(({ running }) => plain(running))),
    finished: plain(finished.map(({ lease }) => lease)),
  }
  const consequential = decisions.some(hasConsequences)
  const wakes = consequential ? wakesOfDecisions(decisions) : []
  const { rows } = await committing(db.faults, stepsOf(decisions), () =>
    consequential
      ? db.hot.run<{ held: number[]; n: number }>(settleLong, {
          ...short,
          ...consequenceValues(decisions),
          ...keptValues(decisions),
          channel: db.wakeups.channel,
          notices: texts(encode(wakes)),
        })
      : db.hot.run<{ held: number[]; n: number }>(settleShort, short),
  )
  const standing = new Set(rows[0]?.held)
  const due = decisions.filter(({ lease }) => standing.has(lease)).length
  if (rows[0]?.n !== due) throw broken(`settle wrote ${rows[0]?.n ?? 0} of ${due} rows of history`)
  db.wakeups.emit(wakes)
  return { fenced: leases.filter((lease) => !standing.has(lease)) }
}

export async function settled(
  db: Database,
  decisions: readonly Pick<Decision, 'key' | 'lease' | 'outcome'>[],
): Promise<readonly ExecutionKey[]> {
  if (decisions.length === 0) return []
  const leases = plain([...new Set(decisions.map(({ lease }) => lease))])
  return db.hot.transaction(async (connection) => {
    await connection.run(waitForLeases, { leases })
    const { rows } = await connection.run<ExecutionKey>(findSettled, {
      jobs: plain(decisions.map(({ key }) => key.job)),
      seqs: plain(decisions.map(({ key }) => key.seq)),
      attempts: plain(decisions.map(({ key }) => key.attempt)),
      leases: plain(decisions.map(({ lease }) => lease)),
      outcomes: plain(decisions.map(({ outcome }) => outcome)),
    })
    return rows
  })
}

function stepsOf(decisions: readonly Decision[]): FaultStep[] {
  const steps: FaultStep[] = []
  if (decisions.some(({ key }) => key.seq >= 0) || decisions.length === 0) steps.push('settle')
  if (decisions.some(({ key }) => key.seq < 0)) steps.push('finalizer')
  return steps
}
