import fc from 'fast-check'
import { expect, test } from 'vitest'
import { renderSql, type SqlDialect } from './sql-template.ts'

const sql =
  (dialect: SqlDialect) =>
  (segments: TemplateStringsArray, ...params: unknown[]) =>
    renderSql(segments, params, dialect, 'tx.sql')
const sqlite = sql('sqlite')
const postgres = sql('postgres')
const date = new Date(0)
const bytes = new Uint8Array([1])

test('placeholders', () => {
  expect(sqlite`a ${1} b ${'x'}`).toEqual({ text: 'a ? b ?', values: [1, 'x'] })
  expect(postgres`a ${1} b ${'x'}`).toEqual({ text: 'a $1 b $2', values: [1, 'x'] })
  expect(sqlite`select 1`).toEqual({ text: 'select 1', values: [] })
})

test('arrays become lists, and later numbers go on behind them', () => {
  expect(sqlite`in ${[1, 2]} and ${3}`).toEqual({ text: 'in (?, ?) and ?', values: [1, 2, 3] })
  expect(postgres`in ${[1, 2]} and ${3}`).toEqual({ text: 'in ($1, $2) and $3', values: [1, 2, 3] })
  expect(postgres`in ${[]} and ${3}`).toEqual({ text: 'in (null) and $1', values: [3] })
})

test('values as each driver takes them', () => {
  expect(sqlite`${date}${true}${false}${5n}${null}${bytes}${[date]}`.values).toEqual([
    '1970-01-01T00:00:00.000Z',
    1,
    0,
    5n,
    null,
    bytes,
    '1970-01-01T00:00:00.000Z',
  ])
  expect(postgres`${date}${true}${2n ** 70n}${null}${bytes}`.values).toEqual([
    date,
    true,
    `${2n ** 70n}`,
    null,
    bytes,
  ])
  expect(sqlite`${-(2n ** 63n)}`.values).toEqual([-(2n ** 63n)])
})

test.each<[unknown, string]>([
  [undefined, 'is undefined; pass null if that is meant.'],
  [() => 1, 'is a function, which cannot be a parameter.'],
  [Symbol('x'), 'is a symbol, which cannot be a parameter.'],
  [{ a: 1 }, 'is an object ({"a":1}); JSON.stringify it.'],
  [NaN, 'is NaN, which is no number a database can hold.'],
  [Infinity, 'is Infinity, which'],
  [new Date(NaN), 'is an invalid Date.'],
])('%j is refused, with its position', (value, message) => {
  for (const render of [sqlite, postgres]) {
    expect(() => render`a ${1} b ${value}`).toThrow(
      expect.objectContaining({
        code: 'MILL_SQL_INVALID',
        message: expect.stringContaining(`tx.sql: parameter 2 ${message}`) as string,
      }),
    )
  }
  expect(() => sqlite`${[1, value]}`).toThrow(`parameter 1[1] ${message}`)
})

test('other refusals', () => {
  expect(() => sqlite`${[[1]]}`).toThrow(
    'parameter 1[0] is an object ([1]); a list inside a list cannot be a parameter.',
  )
  expect(() => sqlite`${2n ** 63n}`).toThrow(
    'parameter 1 is 9223372036854775808, which does not fit into 64 bits.',
  )
  expect(() => sqlite`${'a\0'}`).toThrow(expect.objectContaining({ code: 'MILL_TEXT_UNSTORABLE' }))
  expect(() => renderSql(['select 1'], [1], 'sqlite', 'tx.sql')).toThrow('use it as a tagged template')
  // eslint-disable-next-line no-sparse-arrays -- a hole is what is refused
  expect(() => sqlite`${[1, , 2]}`).toThrow('parameter 1[1] is undefined')
  const many = Array.from({ length: 32_767 }, () => 1)
  expect(() => sqlite`${many}`).toThrow(
    'has 32767 parameters; the database takes at most 32766. Split it up.',
  )
  expect(postgres`${many}`.values).toHaveLength(32_767)
})

test('values never reach the text, and as many placeholders stand as there are values', () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))
  fc.assert(
    fc.property(fc.array(fc.oneof(value, fc.array(value))), (params) => {
      const segments = Array.from({ length: params.length + 1 }, () => ' ')
      const { text, values } = renderSql(segments, params, 'postgres', 'x')
      expect(text).toMatch(/^[ ,()$0-9nul]*$/)
      expect(text.match(/\$\d+/g) ?? []).toEqual(values.map((_, index) => `$${index + 1}`))
      expect(renderSql(segments, params, 'sqlite', 'x').text).toBe(text.replaceAll(/\$\d+/g, '?'))
    }),
  )
})
