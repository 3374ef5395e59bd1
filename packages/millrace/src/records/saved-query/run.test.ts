import { describe } from 'vitest'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { renderSql } from '../../kernel/rules/sql-template.ts'
import { addFunctions } from '../../kernel/sqlite/functions.ts'
import { deepPages } from './conformance/deep-pages.ts'
import { listViews } from './conformance/list-views.ts'
import { reports } from './conformance/reports.ts'
import { tablesFor } from './test-support/shop.ts'
import type { Subject } from './test-support/subject.ts'

async function open(): Promise<Subject> {
  const database = new DatabaseSync(':memory:')
  addFunctions(database)
  for (const text of tablesFor('sqlite')) database.exec(text)
  return {
    kind: 'sqlite',
    query: async ({ segments, params }) => {
      const { text, values } = renderSql(segments, params, 'sqlite', 'test')
      return database.prepare(text).all(...(values as SQLInputValue[]))
    },
    dispose: async () => database.close(),
  }
}

describe('on SQLite', () => {
  listViews(open)
  reports(open)
  deepPages(open)
})
