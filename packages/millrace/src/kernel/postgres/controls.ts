import type { Controls, Pause, PauseTarget } from '../storage/controls.ts'
import type { Database } from './database.ts'
import type { Values } from './pool.ts'
import { statement } from './statement.ts'

const tellConfig = `told as materialized (
  select pg_notify($channel, 'config') as notice from changed
)
select count(changed.*)::int as n, (select count(told.*) from told) as told from changed`

const pauseTarget = statement(
  'pause',
  `with changed as (
    insert into millrace.pause (kind, value, by) values ($kind, $value, $by) on conflict do nothing returning 1
  ), ${tellConfig}`,
)

const resumeTarget = statement(
  'resume',
  `with changed as (
    delete from millrace.pause where kind = $kind and value = $value returning 1
  ), ${tellConfig}`,
)

const listPauses = statement(
  'pauses',
  `select kind, value, (extract(epoch from since) * 1000)::float8 as since, by
   from millrace.pause order by kind, value`,
)

const takeTerm = statement(
  'term_take',
  `insert into millrace.term (name, worker, until)
   values ($term, $worker, clock_timestamp() + $ttl::float8 * interval '1 ms')
   on conflict (name) do update set worker = excluded.worker, until = excluded.until
   where term.worker = excluded.worker or term.until <= clock_timestamp()`,
)

const dropTerm = statement('term_drop', 'delete from millrace.term where name = $term and worker = $worker')

const readSetting = statement('setting', 'select value from millrace.setting where name = $setting')

const writeSetting = statement(
  'setting_write',
  `with changed as (
    insert into millrace.setting (name, value) values ($setting, $value)
    on conflict (name) do update set value = excluded.value where setting.value <> excluded.value
    returning 1
  ), ${tellConfig}`,
)

interface PauseRow {
  readonly kind: PauseTarget['kind']
  readonly value: string
  readonly since: number
  readonly by: string | null
}

export function controls(db: Database): Controls {
  async function change(what: typeof pauseTarget, values: Values): Promise<boolean> {
    const { rows } = await db.hot.run<{ n: number }>(what, { ...values, channel: db.wakeups.channel })
    const changed = rows[0]?.n === 1
    if (changed) db.wakeups.emit([{ topic: 'config' }])
    return changed
  }

  return {
    pause: (target, by) => change(pauseTarget, { ...targetValues(target), by }),

    resume: (target) => change(resumeTarget, targetValues(target)),

    async pauses() {
      return (await db.hot.run<PauseRow>(listPauses, {})).rows.map(pauseOf)
    },

    async takeTerm(term, worker, ttlMs) {
      return (await db.hot.run(takeTerm, { term, worker, ttl: ttlMs })).count === 1
    },

    async dropTerm(term, worker) {
      await db.hot.run(dropTerm, { term, worker })
    },

    async setting(setting) {
      return (await db.hot.run<{ value: string }>(readSetting, { setting })).rows[0]?.value ?? null
    },

    async setSetting(setting, value) {
      await change(writeSetting, { setting, value })
    },
  }
}

function targetValues(target: PauseTarget): { readonly kind: string; readonly value: string } {
  return { kind: target.kind, value: target.kind === 'all' ? '' : target.value }
}

function pauseOf({ kind, value, since, by }: PauseRow): Pause {
  return { target: kind === 'all' ? { kind } : { kind, value }, since, by }
}
