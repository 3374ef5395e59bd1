import type { WorkerId } from '../rules/execution.ts'
import type { Controls, Pause, PauseTarget } from '../storage/controls.ts'
import type { Connection } from './connection.ts'
import type { Database, Writing } from './database.ts'

interface PauseRow {
  readonly kind: PauseTarget['kind']
  readonly value: string
  readonly since: number
  readonly by: string | null
}

/** `all` has no value of its own. */
function keyOf(target: PauseTarget): [kind: string, value: string] {
  return [target.kind, target.kind === 'all' ? '' : target.value]
}

function toPause({ kind, value, since, by }: PauseRow): Pause {
  return { target: kind === 'all' ? { kind } : { kind, value }, since, by }
}

function pause({ connection, changes, now }: Writing, target: PauseTarget, by: string | null): boolean {
  const written = connection.run(
    'insert into millrace_pause (kind, value, since, by) values (?, ?, ?, ?) on conflict do nothing',
    ...[...keyOf(target), now, by],
  )
  if (written === 1) changes.config()
  return written === 1
}

function resume({ connection, changes }: Writing, target: PauseTarget): boolean {
  const deleted = connection.run('delete from millrace_pause where kind = ? and value = ?', ...keyOf(target))
  if (deleted === 1) changes.config()
  return deleted === 1
}

function takeTerm({ connection, now }: Writing, name: string, worker: WorkerId, ttlMs: number): boolean {
  return (
    connection.run(
      `insert into millrace_term (name, worker, until) values (?1, ?2, ?3)
       on conflict (name) do update set worker = excluded.worker, until = excluded.until
       where millrace_term.worker = excluded.worker or millrace_term.until <= ?4`,
      ...[name, worker, now + ttlMs, now],
    ) === 1
  )
}

export function readSetting(connection: Connection, name: string): string | null {
  return (
    connection.get<{ value: string }>('select value from millrace_setting where name = ?', name)?.value ??
    null
  )
}

export function writeSetting(connection: Connection, name: string, value: string): void {
  connection.run(
    'insert into millrace_setting (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
    ...[name, value],
  )
}

export function sqliteControls(database: Database): Controls {
  return {
    pause: (target, by) => database.write(null, (writing) => pause(writing, target, by)),
    resume: (target) => database.write(null, (writing) => resume(writing, target)),
    pauses: () =>
      database.read((connection) =>
        connection
          .all<PauseRow>('select kind, value, since, by from millrace_pause order by since, kind, value')
          .map(toPause),
      ),
    takeTerm: (name, worker, ttlMs) =>
      database.write(null, (writing) => takeTerm(writing, name, worker, ttlMs)),
    dropTerm: (name, worker) =>
      database.write(null, ({ connection }) => {
        connection.run('delete from millrace_term where name = ? and worker = ?', name, worker)
      }),
    setting: (name) => database.read((connection) => readSetting(connection, name)),
    setSetting: (name, value) =>
      database.write(null, ({ connection, changes }) => {
        writeSetting(connection, name, value)
        changes.config()
      }),
  }
}
