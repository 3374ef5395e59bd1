import { expect, test } from 'vitest'
import type { Query } from '../../query/query.ts'
import { compile, type CompileEnv } from '../compile.ts'
import { envFor, type TestRecords } from '../test-support/records.ts'
import { by, call, dateLiteral, day, f, from, inQuery, is, isIn, js, like } from '../test-support/query.ts'

const rowCount = 20_000

/** Tables with rows enough that a plan matters, and the indexes that `dialect.ts` asks for. */
export async function fillMany(records: TestRecords): Promise<void> {
  const { kind } = records
  const pg = kind === 'postgres'
  const number = (text: string): string => (pg ? `lpad((${text})::text, 6, '0')` : `printf('%06d', ${text})`)
  const rows = pg
    ? `from generate_series(1, ${rowCount}) as n(i)`
    : `from (with recursive n(i) as (select 1 union all select i + 1 from n where i < ${rowCount}) select i from n)`
  const seen = pg
    ? `timestamptz '2020-01-01Z' + i * interval '1 hour'`
    : `strftime('%Y-%m-%dT%H:%M:%S.000Z', '2020-01-01', i || ' hours')`
  const founded = pg ? `date '2020-01-01' + i % 2500` : `date('2020-01-01', (i % 2500) || ' days')`
  const statements = [
    `insert into account (id, tenant, name, code, employees, founded, seen_at, parent_id)
     select 'a' || ${number('i')}, case when i % 10 = 0 then 'other' else 'acme' end, 'Name ' || i, 'C' || i, i % 1000, ${founded}, ${seen},
       'a' || ${number('i / 2')} ${rows}`,
    `insert into contact (id, tenant, last_name, age, account_id) select 'c' || i, 'acme', 'Last ' || i, i % 90, 'a' || ${number('i')} ${rows}`,
    pg
      ? `create index account_name on account ((lower(name collate "und-x-icu") collate "C") nulls first)`
      : 'create index account_name on account (name collate nocase)',
    ...['code', 'employees', 'founded', 'seen_at', 'parent_id'].map(
      (column) => `create index account_${column} on account (${column})`,
    ),
    'create index contact_account_id on contact (account_id)',
    'analyze',
  ]
  for (const statement of statements) await records.run({ segments: [statement], params: [] })
}

interface Shape {
  readonly what: string
  readonly query: Query
  readonly env?: Partial<CompileEnv>
  readonly sqlite: RegExp
  readonly postgres: RegExp
}

const account = (more: Partial<Query>): Query => from('Account', ['Id', 'Name'], more)
const searched = (index: string): RegExp => new RegExp(`SEARCH \\S+ USING (COVERING )?INDEX ${index}\\b`)
const scanned = (index: string): RegExp =>
  new RegExp(`(Index( Only)? Scan|Index Scan Backward|Bitmap Index Scan)( using| on) ${index}\\b`)
const byIndex = (index: string): Pick<Shape, 'sqlite' | 'postgres'> => ({
  sqlite: searched(index),
  postgres: scanned(index),
})
const byKey = { sqlite: searched('sqlite_autoindex_account_1'), postgres: scanned('account_pkey') }
const ids = Array.from({ length: 200 }, (_, at) => `a${String(at * 90).padStart(6, '0')}`)

const shapes: readonly Shape[] = [
  { what: 'an id', query: account({ where: is('Id', '=', 'a000501') }), ...byKey },
  { what: 'a few ids', query: account({ where: isIn('Id', 'a000501', 'a000502') }), ...byKey },
  { what: 'many ids', query: account({ where: isIn('Id', js(ids)) }), ...byKey },
  { what: 'a page by id', query: account({}), env: { range: { after: 'a000501', limit: 20 } }, ...byKey },
  { what: 'text', query: account({ where: is('Name', '=', 'NAME 501') }), ...byIndex('account_name') },
  {
    what: 'one of several texts',
    query: account({ where: isIn('Name', 'NAME 501', 'x') }),
    ...byIndex('account_name'),
  },
  {
    what: 'a beginning of text',
    query: account({ where: like('Name', 'NAME 501%') }),
    ...byIndex('account_name'),
  },
  { what: 'text by case', query: account({ where: is('Code', '=', 'C501') }), ...byIndex('account_code') },
  { what: 'a number', query: account({ where: is('Employees', '=', 5) }), ...byIndex('account_employees') },
  {
    what: 'a day',
    query: account({ where: is('Founded', '=', dateLiteral('TODAY')) }),
    ...byIndex('account_founded'),
  },
  {
    what: 'a range of time',
    query: account({ where: is('SeenAt', '=', dateLiteral('N_DAYS_AGO', 1500)), limit: js(5) }),
    ...byIndex('account_seen_at'),
  },
  {
    what: 'a day of a time',
    query: account({ where: is(call('DAY_ONLY', f('SeenAt')), '=', day('2021-06-01')) }),
    ...byIndex('account_seen_at'),
  },
  {
    what: 'a reference',
    query: account({ where: is('ParentId', '=', 'a000501') }),
    ...byIndex('account_parent_id'),
  },
  {
    what: 'the text of a parent',
    query: account({ where: is('Parent.Name', '=', 'name 501') }),
    ...byIndex('account_parent_id'),
  },
  {
    what: 'the latest',
    query: account({ orderBy: [by('SeenAt', true, 'first')], limit: js(20) }),
    // SQLite's index has nulls last when read downwards, and turns that round in its own way.
    sqlite: /SCAN t0 USING INDEX account_seen_at(?!.*TEMP B-TREE FOR ORDER BY)/,
    postgres: scanned('account_seen_at'),
  },
  {
    what: 'text in order',
    query: account({ orderBy: [by('Name')], limit: js(20) }),
    // The order of NOCASE is not that of other letters.
    sqlite: /TEMP B-TREE FOR ORDER BY/,
    postgres: scanned('account_name'),
  },
  {
    what: 'children',
    query: from(
      'Account',
      ['Id', { kind: 'children', relationship: 'Contacts', query: { select: [f('LastName')] } }],
      {
        where: is('Id', '=', 'a000501'),
      },
    ),
    ...byIndex('contact_account_id'),
  },
  {
    what: 'a semi-join of few',
    query: account({
      where: inQuery('Id', from('Contact', ['AccountId'], { where: is('Id', '=', 'c501') })),
    }),
    ...byKey,
  },
  {
    what: 'an anti-join',
    query: account({ where: inQuery('Id', from('Contact', ['AccountId']), true) }),
    sqlite: /LIST SUBQUERY|USING INDEX contact_account_id/,
    postgres: /Anti Join/,
  },
]

/** Each shape is found by its index, whatever is bound. */
export function plans(records: () => TestRecords): void {
  test.each(shapes.map((shape) => [shape.what, shape] as const))('%s', async (_, shape) => {
    const subject = records()
    const { kind } = subject
    const { statement } = compile(shape.query, envFor(kind, shape.env))
    const explain = kind === 'sqlite' ? 'explain query plan ' : 'explain (costs off) '
    const [first = '', ...others] = statement.segments
    const rows = await subject.run({ segments: [explain + first, ...others], params: statement.params })
    const plan = rows.map((row) => String(row['detail'] ?? row['QUERY PLAN'])).join('\n')
    expect(plan).toMatch(shape[kind])
  })
}
