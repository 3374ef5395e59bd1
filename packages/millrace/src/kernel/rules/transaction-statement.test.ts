import fc from 'fast-check'
import { expect, test } from 'vitest'
import { firstKeyword, isTransactionStatement } from './transaction-statement.ts'

test.each([
  ['select 1', 'select'],
  ['  \n\tSELECT 1', 'select'],
  ['-- begin\nupdate x', 'update'],
  ['--a\r--b\n insert', 'insert'],
  ['/* a /* nested */ begin */ delete', 'delete'],
  ['/* a */-- b\n/* c */;; with x', 'with'],
  ['\ufeffselect', 'select'],
  ['/* never ends', ''],
  ['(select 1)', ''],
  ['', ''],
  ['-- only', ''],
])('the first keyword of %j is %j', (sql, word) => {
  expect(firstKeyword(sql)).toBe(word)
})

test.each([
  'begin',
  'BEGIN ISOLATION LEVEL SERIALIZABLE',
  'begin;',
  'start transaction',
  'commit',
  'commit prepared $$x$$',
  'COMMIT WORK',
  'end',
  'end transaction',
  'abort',
  'rollback',
  'rollback;',
  'rollback work',
  'rollback and chain',
  'rollback prepared $$to$$',
  'rollback transaction and chain',
  '/* x */ rollback /* y */ ; -- to',
  'prepare transaction $$x$$',
  ';commit',
])('%j is a transaction statement', (sql) => {
  expect(isTransactionStatement(sql)).toBe(true)
})

test.each([
  'select 1',
  'savepoint a',
  'release savepoint a',
  'rollback to a',
  'ROLLBACK TO SAVEPOINT a',
  'rollback work to savepoint a',
  'rollback transaction to a',
  'rollback /* x */ to a',
  'prepare plan as select 1',
  'insert into begin values (1)',
  'beginning',
  'end_of_day',
  '',
])('%j is none', (sql) => {
  expect(isTransactionStatement(sql)).toBe(false)
})

test('blanks and comments before a statement never change the answer', () => {
  const blank = fc.constantFrom(' ', '\n', '-- commit\n', '/* begin */', '/* /* a */ */', ';')
  fc.assert(
    fc.property(fc.array(blank, { maxLength: 50 }), fc.constantFrom('commit', 'select'), (blanks, word) => {
      expect(firstKeyword(blanks.join('') + word)).toBe(word)
    }),
  )
})

test('time grows with the length of the text only', () => {
  expect(firstKeyword(' -'.repeat(100_000))).toBe('')
  expect(firstKeyword(`${'/* */ '.repeat(50_000)}x`)).toBe('x')
  expect(firstKeyword('/*'.repeat(100_000))).toBe('')
})
