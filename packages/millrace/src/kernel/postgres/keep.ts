import type { Decision } from '../rules/decision.ts'
import { keeps } from '../rules/keep.ts'
import type { Values } from './pool.ts'
import { plain } from './statement.ts'

/** Usual values are not stored: an array that holds nothing else is null. */
const replaced = (column: string, value: string, usual: number): string => `(
  select array_agg(coalesce(${value}, lease.${column}[place.at], ${usual}) order by place.at)
  from generate_subscripts(lease.jobs, 1) as place (at)
  left join kept on kept.lease = lease.id and kept.place = place.at)`

/**
 * CTE that sets the marks `$m_` of leases and puts the kept executions `$k_` into the places of those before them: together, because a
 * statement changes a row once. They join the count of `settled`, so that the lock of `held` comes first (see the settle of groups). What
 * somebody else changed of the row meanwhile is seen: PostgreSQL looks at the row again once it has waited for it.
 */
export const markedCtes = `total as (
  select count(*)::int as n from settled
), kept as (
  select * from unnest($k_leases::bigint[], $k_places::int[], $k_seqs::int[], $k_cares::smallint[]) as k (lease, place, seq, care)
), marked as (
  update millrace.lease set
    running = coalesce(m.positions::smallint[], running),
    seqs = case when m.keeps then ${replaced('seqs', 'kept.seq', 0)} else seqs end,
    attempts = case when m.keeps and attempts is not null
      then ${replaced('attempts', 'case when kept.place is not null then 1 end', 1)} else attempts end,
    cares = case when m.keeps and cares is not null then ${replaced('cares', 'kept.care', 0)} else cares end
  from total, (
    select lease, max(positions) as positions, bool_or(keeps) as keeps
    from (
      select lease, positions, false as keeps from unnest($m_leases::bigint[], $m_positions::text[]) as m (lease, positions)
      union all select lease, null, true from kept) as each
    group by lease) as m
  where lease.id = m.lease
)`

/** `$k_` of the CTE. */
export function keptValues(decisions: readonly Decision[]): Values {
  const kept = decisions.flatMap(({ lease, next }) =>
    next.flatMap(({ seq, care, when }) =>
      'keep' in when ? [{ lease, place: when.keep + 1, seq, care }] : [],
    ),
  )
  return {
    k_leases: plain(kept.map(({ lease }) => lease)),
    k_places: plain(kept.map(({ place }) => place)),
    k_seqs: plain(kept.map(({ seq }) => seq)),
    k_cares: plain(kept.map(({ care }) => care)),
  }
}

/** A decision that brings nothing else but a change of state. */
export function isKeptOnly({ next, error, result, endsAbort }: Decision): boolean {
  const nothingElse = error === undefined && result === undefined && endsAbort === undefined
  return nothingElse && next.length === 1 && keeps({ next })
}
