import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isMillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import { defineObject } from '../../packages/millrace/src/records/object/define-object.ts'
import { boolean, date, id, number, text } from '../../packages/millrace/src/records/object/field.ts'
import type { Fields, ObjectDefinition } from '../../packages/millrace/src/records/object/object.ts'
import { Schema } from '../../packages/millrace/src/records/object/schema.ts'
import type { Filter } from '../../packages/millrace/src/records/saved-query/filter.ts'
import { readSavedQuery } from '../../packages/millrace/src/records/saved-query/json.ts'
import type { ListViewDefinition } from '../../packages/millrace/src/records/saved-query/list-view.ts'
import { orderOf, planListView } from '../../packages/millrace/src/records/saved-query/list-view-query.ts'
import { parseRelativeDate } from '../../packages/millrace/src/records/saved-query/relative-date.ts'
import { planReport } from '../../packages/millrace/src/records/saved-query/report-query.ts'
import { compile } from '../../packages/millrace/src/records/sql/compile.ts'
import { corpus } from './corpus/files.ts'

/**
 * List views and reports of the corpus, with their filters, logic, values, groupings and totals, over objects made of the columns that they
 * name: each must be readable, fit such an object, and compile for both databases.
 */

const xml = (kind: string): readonly string[] =>
  corpus === undefined
    ? []
    : globSync(`${kind}/**/*`, { cwd: corpus }).filter((file) =>
        /-meta\.xml$|\.(report|listView|object)$/.test(file),
      )

const texts = (from: string, tag: string): readonly string[] =>
  [...from.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, value = '']) =>
    value
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&apos;', "'")
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&'),
  )
const blocks = (from: string, tag: string): readonly string[] =>
  [...from.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))].map(([, inner = '']) => inner)

/** `OWNER.ALIAS`, `Job.Shift$Status`: a field name, as the definitions of this test call it. */
const nameOf = (column: string): string => `f_${column.replace(/[^A-Za-z0-9_]/g, '_')}`.slice(0, 80)

function filtersOf(
  source: string,
  tag: string,
  [column, operator]: readonly [string, string],
): readonly Filter[] {
  return blocks(source, tag).map((item) => ({
    field: nameOf(texts(item, column)[0] ?? ''),
    operator: (texts(item, operator)[0] ?? '') as Filter['operator'],
    value: texts(item, 'value')[0] ?? '',
  }))
}

/** Of a type that the filters of a column ask for. */
function objectOf(
  columns: readonly string[],
  filters: readonly Filter[],
  dates: readonly string[],
  sums: readonly string[],
): ObjectDefinition {
  const typeOf = (name: string): Fields[string] => {
    const own = filters.filter(({ field }) => field === name)
    const values = own.flatMap(({ value }) => String(value).split(','))
    if (
      dates.includes(name) ||
      values.some(
        (value) => 'kind' in (parseRelativeDate(value) ?? {}) && /^[A-Z_]+(:\d+)?$/.test(value.trim()),
      )
    )
      return date()
    if (sums.includes(name) || own.some(({ operator }) => /Than|OrEqual/.test(operator))) return number()
    if (values.length > 0 && values.every((value) => value === '0' || value === '1')) return boolean()
    return text()
  }
  const names = new Map(
    [...columns, ...filters.map(({ field }) => field)].map((name) => [name.toLowerCase(), name]),
  )
  return defineObject({
    name: 'Row',
    fields: { Id: id(), ...Object.fromEntries([...names.values()].map((name) => [name, typeOf(name)])) },
  })
}

function listView(source: string): readonly [json: object, object: ObjectDefinition] {
  const columns = texts(source, 'columns').map(nameOf)
  const filters = filtersOf(source, 'filters', ['field', 'operation'])
  return [
    {
      ...{ type: 'listView', name: 'view', label: texts(source, 'label').at(-1), object: 'Row', filters },
      columns: columns.length === 0 ? ['Id'] : columns,
      ...(texts(source, 'booleanFilter')[0] === undefined
        ? {}
        : { filterLogic: texts(source, 'booleanFilter')[0] }),
    },
    objectOf(columns, filters, [], []),
  ]
}

const functions: Readonly<Record<string, string>> = {
  Sum: 'sum',
  Average: 'average',
  Maximum: 'max',
  Minimum: 'min',
  Unique: 'unique',
}

function report(source: string): readonly [json: object, object: ObjectDefinition] {
  const filters = filtersOf(source, 'criteriaItems', ['column', 'operator'])
  const own = blocks(source, 'columns')
  const columns = own.flatMap((column) => texts(column, 'field').map(nameOf))
  const aggregates = own.flatMap((column) =>
    texts(column, 'aggregateTypes').map((type) => ({
      field: nameOf(texts(column, 'field')[0] ?? ''),
      function: functions[type],
    })),
  )
  const groups = (tag: string): readonly { readonly field: string; readonly by: string }[] =>
    blocks(source, tag).map((group) => ({
      field: nameOf(texts(group, 'field')[0] ?? ''),
      by: (texts(group, 'dateGranularity')[0] ?? 'Day').toLowerCase(),
    }))
  const [rows, across] = [groups('groupingsDown'), groups('groupingsAcross')]
  // Day stands there for fields of any type.
  const dates = [...rows, ...across].filter(({ by }) => by !== 'day').map(({ field }) => field)
  const plain = (list: typeof rows): readonly object[] =>
    list.map(({ field, by }) => (dates.includes(field) ? { field, by } : { field }))
  const sums = aggregates.filter(({ function: name }) => name !== 'unique').map(({ field }) => field)
  const names = [...columns, ...rows.map(({ field }) => field), ...across.map(({ field }) => field)]
  const logic = texts(source, 'booleanFilter')[0]
  return [
    {
      ...{ type: 'report', name: 'report', object: 'Row', filters, aggregates },
      format: across.length > 0 && rows.length > 0 ? 'matrix' : rows.length > 0 ? 'summary' : 'tabular',
      columns: columns.length === 0 ? ['Id'] : columns,
      ...(rows.length === 0 ? {} : { groupings: { rows: plain(rows), columns: plain(across) } }),
      ...(logic === undefined ? {} : { filterLogic: logic }),
    },
    objectOf(
      names,
      filters,
      dates,
      sums.filter((name) => !dates.includes(name)),
    ),
  ]
}

const refused: Record<string, string> = {}

function runs(file: string, kind: 'listviews' | 'reports'): boolean {
  const source = readFileSync(join(corpus ?? '', file), 'utf8')
  try {
    const [json, object] = kind === 'reports' ? report(source) : listView(source)
    const schema = new Schema([object])
    const query = readSavedQuery(json, schema)
    const reported = query.type === 'report' ? planReport(query, schema) : undefined
    const plan = reported ?? planListView(query as ListViewDefinition, schema)
    const limit = { kind: 'number', value: plan.limit ?? 201 } as const
    const rows = { ...plan.query, orderBy: orderOf(plan.sort, plan.object), limit }
    const queries = [rows, ...(reported?.groups ?? []).map((groups) => groups.query)]
    const caller = {
      tenant: 't',
      principal: null,
      timeZone: 'Europe/Berlin',
      now: 0,
    } as const
    const access = { mayObject: () => true, mayField: () => true }
    for (const database of ['sqlite', 'postgres'] as const)
      for (const one of queries) compile(one, { kind: database, schema, caller, access })
    return true
  } catch (error) {
    if (!isMillraceError(error)) throw error
    refused[file] = error.message
    return false
  }
}

test.for(['listviews', 'reports'] as const)('%s of the corpus', (kind) => {
  const files = xml(kind)
  const good = files.filter((file) => runs(file, kind))
  const share = good.length / files.length
  console.info(`${kind}: ${good.length} of ${files.length} (${(share * 100).toFixed(1)} %)`)
  expect(files.length).toBeGreaterThan(100)
  expect([share >= 0.95, refused]).toEqual([true, expect.anything()])
})
