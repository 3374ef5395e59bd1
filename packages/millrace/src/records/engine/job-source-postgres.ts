import { identifier } from '../object/identifier.ts'
import type { JobDialect } from './job-dialect.ts'

export function postgresJobs(schema: string): JobDialect {
  const table = (name: string): string => `${identifier(schema)}.${name}`
  const members = `${table('lease')} le cross join unnest(le.jobs) with ordinality as u (job, place)`
  const seq = 'coalesce(le.seqs[u.place], 0)'
  return {
    table,
    // Limits keep the planner from making joins of look-ups by key, for which it may read the whole history.
    withJob: (id) => ` cross join lateral (select * from ${table('job')} k where k.id = ${id} limit 1) j`,
    walked: 'join',
    hasNoEnd: (id) =>
      `(select true from ${table('done')} e where e.job = ${id} and e.seq >= 0 and e.outcome >= 10 limit 1) is null`,
    createdAt: (id) => `('x0000' || translate(left(${id}::text, 13), '-', ''))::bit(64)::bigint`,
    instant: (column) => `floor(extract(epoch from ${column}) * 1000)::bigint`,
    textOf: (json, field) => `left(${json}->>'${field}', 255)`,
    fireOf: (options) => `(${options}#>>'{fire,id}')::uuid`,
    id: (id) => `'${id}'::uuid`,
    text: (text) => `'${text}'::text`,
    leased: (started) =>
      `select u.job from ${members} where u.job is not null and ${seq} >= 0
        ${started ? 'and (u.place - 1)::smallint = any (le.running)' : ''}
        and (select true from ${table('done')} x where x.job = u.job and x.seq = ${seq} and x.lease = le.id limit 1) is null`,
    inLeases: `select u.job from ${members} where u.job is not null`,
    unknownLane: `exists (select from ${table('worker')} k where k.until > statement_timestamp())
      and not exists (select from ${table('worker')} k
        where k.until > statement_timestamp() and l.name || '@' || l.version = any (k.knows))`,
  }
}
