import pg from 'pg'
import { describe } from 'vitest'
import { createTestDatabase } from '../../../../../tests/support/postgres.ts'
import { userTypes } from '../../kernel/postgres/row-types.ts'
import { renderSql } from '../../kernel/rules/sql-template.ts'
import type { Row } from '../database.ts'
import { deepPages } from './conformance/deep-pages.ts'
import { listViews } from './conformance/list-views.ts'
import { reports } from './conformance/reports.ts'
import { tablesFor } from './test-support/shop.ts'
import type { Subject } from './test-support/subject.ts'

const probe = await createTestDatabase()
await probe?.drop()

async function open(): Promise<Subject> {
  const database = await createTestDatabase()
  if (database === undefined) throw new Error('there is no PostgreSQL')
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  for (const text of tablesFor('postgres')) await client.query(text)
  return {
    kind: 'postgres',
    query: async ({ segments, params }) => {
      const { text, values } = renderSql(segments, params, 'postgres', 'test')
      const types = userTypes
      return (await client.query<Row>({ text, values: [...values], types })).rows
    },
    dispose: async () => {
      await client.end()
      await database.drop()
    },
  }
}

describe.skipIf(probe === undefined)('on PostgreSQL', () => {
  listViews(open)
  reports(open)
  deepPages(open)
})
