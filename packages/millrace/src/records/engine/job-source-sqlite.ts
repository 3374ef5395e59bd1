import type { JobDialect } from './job-dialect.ts'

const table = (name: string): string => `millrace_${name}`

/** Rows of leases; `u` has job (null when handed back) and its place. */
const members = `${table('lease')} le, json_each(le.jobs) u`
const seq = `json_extract(le.seqs, '$[' || u.key || ']')`

export const sqliteJobs: JobDialect = {
  table,
  withJob: (id) => ` cross join ${table('job')} j on j.id = ${id}`,
  // Without statistics it would read all jobs of the tenant's lanes and sort them: on a file of one tenant, all jobs.
  walked: 'cross join',
  hasNoEnd: (id) =>
    `not exists (select 1 from ${table('done')} e where e.job = ${id} and e.seq >= 0 and e.outcome >= 10)`,
  // JSON5 reads hexadecimal numbers; SQLite's own cast does not.
  createdAt: (id) => `json_extract('0x' || substr(${id}, 1, 8) || substr(${id}, 10, 4), '$')`,
  instant: (column) => column,
  textOf: (json, field) => `substr(json_extract(${json}, '$.${field}'), 1, 255)`,
  fireOf: (options) => `json_extract(${options}, '$.fire.id')`,
  id: (id) => `'${id}'`,
  text: (text) => `'${text}'`,
  leased: (started) =>
    `select u.value from ${members} where u.value is not null and ${seq} >= 0
      ${started ? 'and u.key in (select r.value from json_each(le.running) r)' : ''}
      and not exists (select 1 from ${table('done')} x where x.job = u.value and x.seq = ${seq} and x.lease = le.id)`,
  inLeases: `select u.value as job from ${members} where u.value is not null`,
  unknownLane: `exists (select 1 from ${table('worker')} k where k.until > cast(unixepoch('subsec') * 1000 as integer))
    and not exists (select 1 from ${table('worker')} k, json_each(k.knows) n
      where k.until > cast(unixepoch('subsec') * 1000 as integer) and n.value = l.name || '@' || l.version)`,
}
