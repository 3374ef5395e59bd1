import { createHash } from 'node:crypto'
import { tableOf } from '../object/ddl.ts'
import { identifier } from '../object/identifier.ts'
import type { ObjectInfo } from '../object/schema.ts'
import { ownWrite } from './own-write.ts'
import type { TriggerOperation } from './trigger.ts'
import type { TriggerSet } from './trigger-set.ts'

/** The definition whose jobs run the after-triggers for what others have changed. */
export const noticeName = 'records-changed'

/** Records of one job. */
const noticeRecords = 500
/** Bytes of one job: with the record that goes beyond it, far below the 1 MiB that `enqueue` takes. */
const noticeBytes = 500_000
/** Bytes of a record's old values; with more it is told by its id alone. */
const oldBytes = 262_144

const events = ['insert', 'update', 'delete'] as const
type Event = (typeof events)[number]

/** Operations for which an object has after-triggers. */
export function toldOperations(object: ObjectInfo, triggers: TriggerSet): readonly TriggerOperation[] {
  return (['insert', 'update', 'delete', 'undelete'] as const).filter(
    (operation) => triggers.of(object.name, operation, 'after').length > 0,
  )
}

/**
 * PostgreSQL: statements that make triggers of an object's table, which tell Millrace of what anybody changes there: in the same
 * transaction jobs of `records-changed` are queued, at most 500 records in each, by tenant. `schema` is that of Millrace's tables; the function
 * stands there and runs with the rights of whoever makes it. Without operations: the statements that take it all away.
 */
export function databaseTriggers(
  object: ObjectInfo,
  operations: readonly TriggerOperation[],
  schema: string,
): string[] {
  const table = tableOf(object)
  const called = `${identifier(schema)}.${identifier(short(`changed_${object.name}`))}`
  const triggerOf = (event: Event): string => identifier(short(`millrace_${event}_${object.name}`))
  const dropped = events.map((event) => `drop trigger if exists ${triggerOf(event)} on ${table};`)
  if (operations.length === 0) return [...dropped, `drop function if exists ${called}();`]
  const wanted = events.filter((event) => operationsOf(object, event).some((one) => operations.includes(one)))
  return [
    `create or replace function ${called}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_nestloop = off
as ${dollarQuoted(bodyOf(object, operations, wanted, schema))};`,
    `revoke execute on function ${called}() from public;`,
    ...dropped,
    ...wanted.map(
      (event) => `create trigger ${triggerOf(event)} after ${event} on ${table}
  referencing ${transitions[event]}
  for each statement execute function ${called}();`,
    ),
  ]
}

const transitions: Readonly<Record<Event, string>> = {
  insert: 'new table as millrace_new',
  update: 'old table as millrace_old new table as millrace_new',
  delete: 'old table as millrace_old',
}

/** What may have happened to a record when the database says this; an update may be a soft delete, or take one back. */
function operationsOf({ definition }: ObjectInfo, event: Event): readonly TriggerOperation[] {
  if (event !== 'update' || definition.softDelete === undefined) return [event]
  return ['update', 'delete', 'undelete']
}

function bodyOf(
  object: ObjectInfo,
  operations: readonly TriggerOperation[],
  wanted: readonly Event[],
  schema: string,
): string {
  const branches = wanted.map(
    (event) => `  if tg_op = '${event.toUpperCase()}' then
    perform ${identifier(schema)}.enqueue('${noticeName}', json_build_object(
      'object', '${object.name}', 'operation', c.operation, 'ids', c.ids, 'old', c.old), c.tenant)
    from (
      select r.tenant, r.operation, json_agg(r.id order by r.n) as ids, json_agg(r.old::json order by r.n) as old
      from (
        select f.*, row_number() over told as n,
          sum(octet_length(f.id) + coalesce(octet_length(f.old), 0)) over told as bytes
        from (
          select d.id, d.tenant, d.operation,
            -- Escapes that enqueue refuses stand in JSON alone.
            case when octet_length(d.old) <= ${oldBytes} and d.old !~* '[\\\\]u(0000|d[89a-f])' then d.old end as old
          from (${sourceOf(object, event)}) d
          where d.operation in (${operations.map((one) => `'${one}'`).join(', ')})
            -- Other records belong to no tenant that Millrace could know.
            and d.tenant ~ '^[A-Za-z0-9._:@/-]{1,100}$'
        ) f
        window told as (partition by f.tenant, f.operation order by f.id collate "C")
      ) r
      group by r.tenant, r.operation, (r.n - 1) / ${noticeRecords}, r.bytes / ${noticeBytes}
    ) c;
  end if;`,
  )
  return `
begin
  -- What Millrace itself writes by this statement has run the triggers; what triggers of the database write on top of it has not.
  if current_setting('millrace.own_writes', true) = 'on'
    or pg_trigger_depth() = 1 and starts_with(current_query(), '${ownWrite(object)}') then
    return null;
  end if;
${branches.join('\n')}
  return null;
end
`
}

function sourceOf(object: ObjectInfo, event: Event): string {
  const id = identifier(object.idField.column)
  const row = event === 'delete' ? 'o' : 'n'
  const head = `select ${row}.${id}::text as id, ${tenantOf(object, row)} as tenant`
  switch (event) {
    case 'insert':
      return `${head}, 'insert' as operation, null::text as old from millrace_new n`
    case 'update':
      return `${head}, ${updateOf(object)} as operation,
            case when o.${id} is not null then ${oldOf(object)} end as old
            from millrace_new n left join millrace_old o on o.${id} = n.${id}`
    case 'delete': {
      const live = liveness(object, 'o')
      const where = live === null ? '' : ` where ${live}`
      return `${head}, 'delete' as operation, ${oldOf(object)} as old from millrace_old o${where}`
    }
  }
}

/** By column: the definition may have changed since the trigger was made. */
function oldOf(object: ObjectInfo): string {
  const columns = [...new Set(object.fields.map(({ column }) => `o.${identifier(column)}`))]
  return `row_to_json((select x from (select ${columns.join(', ')}) as x))::text`
}

function tenantOf(object: ObjectInfo, row: string): string {
  const { tenant } = object.definition
  return tenant === undefined ? `'default'` : `${row}.${identifier(object.field(tenant).column)}::text`
}

function updateOf(object: ObjectInfo): string {
  const [before, after] = [liveness(object, 'o'), liveness(object, 'n')]
  if (before === null || after === null) return `'update'`
  return `case when o.${identifier(object.idField.column)} is null or (${before}) = (${after}) then 'update' when ${after} then 'undelete' else 'delete' end`
}

/** Never null. */
function liveness(object: ObjectInfo, row: string): string | null {
  const name = object.definition.softDelete
  if (name === undefined) return null
  const field = object.field(name)
  return `${row}.${identifier(field.column)} is ${field.type === 'boolean' ? 'not true' : 'null'}`
}

/** Within the 63 bytes that PostgreSQL keeps of a name; names of objects are ASCII. */
function short(name: string): string {
  if (name.length <= 63) return name
  return `${name.slice(0, 54)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}

/** In a quote that the text itself cannot end. */
function dollarQuoted(text: string): string {
  let tag = '$millrace$'
  for (let n = 1; text.includes(tag); n += 1) tag = `$millrace${n}$`
  return `${tag}${text}${tag}`
}
