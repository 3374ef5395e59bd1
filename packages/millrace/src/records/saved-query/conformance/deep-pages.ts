import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderSql } from '../../../kernel/rules/sql-template.ts'
import type { RecordsDatabase, Statement } from '../../database.ts'
import { defineListView, type ListViewOptions } from '../list-view.ts'
import { runListView } from '../run-list-view.ts'
import { Customer } from '../test-support/shop.ts'
import { envOf, type Open, type Subject } from '../test-support/subject.ts'

const count = 20_000
const pageSize = 500
const deep = 20

/** Many customers, fifty to each number of employees, and the indexes that serve sorts by it. */
async function fill(subject: Subject): Promise<void> {
  const { kind } = subject
  const [numbers, text, no] =
    kind === 'postgres'
      ? [`generate_series(1, ${count}) as n(i)`, `lpad(i::text, 6, '0')`, 'false']
      : [
          `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count}) select i from n)`,
          `printf('%06d', i)`,
          '0',
        ]
  for (const statement of [
    `insert into customer (id, tenant, name, employees, gold) select 'c' || ${text}, 'acme', 'Name ' || i, i / 50, ${no} from ${numbers}`,
    `create index customer_fewest on customer (tenant, employees ${kind === 'postgres' ? 'nulls first' : ''}, id)`,
    `create index customer_most on customer (tenant, employees desc ${kind === 'postgres' ? 'nulls last' : ''}, id)`,
    'analyze',
  ])
    await subject.query({ segments: [statement], params: [] })
}

const sorts: readonly (readonly [string, Pick<ListViewOptions, 'sort'>, RegExp])[] = [
  ['the primary key', {}, /customer_pkey|sqlite_autoindex_customer_1/],
  ['a sort', { sort: [{ field: 'Employees' }] }, /customer_(fewest|most)/],
  ['a descending sort', { sort: [{ field: 'Employees', direction: 'desc' }] }, /customer_(fewest|most)/],
]

/** A page deep inside costs what the first one does. */
export function deepPages(open: Open): void {
  let subject: Subject
  beforeAll(async () => {
    subject = await open()
    await fill(subject)
  })
  afterAll(async () => await subject.dispose())

  /** What a statement reads and how; it also runs. */
  async function planOf({ segments, params }: Statement): Promise<string> {
    const [first = '', ...others] = segments
    const explain =
      subject.kind === 'sqlite'
        ? 'explain query plan '
        : 'explain (analyze, costs off, timing off, summary off) '
    const rows = await subject.query({ segments: [explain + first, ...others], params })
    return rows.map((row) => String(row['detail'] ?? row['QUERY PLAN'])).join('\n')
  }

  describe('pages of a list view', () => {
    test.for(sorts)(
      'by %s: page 20 is found in the index, and reads what it shows',
      async ([, sort, index]) => {
        const view = defineListView({ name: 'deep', object: Customer, columns: ['Name'], ...sort })
        const statements: Statement[] = []
        const env = envOf(subject)
        const watched: RecordsDatabase = {
          ...env.database,
          query: (statement) => {
            statements.push(statement)
            return subject.query(statement)
          },
        }
        const page = (after?: string) =>
          runListView({ ...env, database: watched }, view, {
            pageSize,
            ...(after === undefined ? {} : { after }),
          })
        let next = (await page()).next
        for (let at = 2; at < deep; at += 1) next = (await page(next!)).next
        statements.length = 0
        const { rows } = await page(next!)
        expect(rows).toHaveLength(pageSize)
        expect(rows[0]?.id).not.toBe('c000001')
        const reads = statements.filter(({ segments }) => /customer/.test(segments.join('')))
        expect(reads.length).toBeGreaterThan(0)
        for (const statement of reads) {
          const { text } = renderSql(statement.segments, statement.params, subject.kind, 'test')
          expect(text).not.toMatch(/\boffset\b/i)
          const plan = await planOf(statement)
          expect(plan).toMatch(index)
          expect(plan).not.toMatch(/\bSort\b|Seq Scan|SCAN |TEMP B-TREE|Removed by Filter/)
        }
      },
    )
  })
}
