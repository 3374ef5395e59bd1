import { expect, test } from 'vitest'
import { dmlErrorCodes } from '../../../packages/millrace/src/records/dml/dml.ts'
import { readPages, tableRows } from '../../docs/page.ts'

test('the page on DML has every code with its meaning, and no other', () => {
  const page = readPages().find(({ path }) => path === 'docs/dml.md')
  expect(page && Object.fromEntries(tableRows(page, 'code'))).toEqual(dmlErrorCodes)
})
