import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Condition } from '../query/query.ts'
import { filtersCondition } from './filter-condition.ts'
import { splitValues, type Filter } from './filter.ts'
import { Issues } from './issues.ts'
import { schema } from './test-support/shop.ts'

const object = schema.object('Customer')

function read(
  filters: readonly Filter[],
  timeZone = 'UTC',
): { condition: Condition | undefined; issues: readonly string[] } {
  const issues = new Issues()
  const condition = filtersCondition(
    { schema, timeZone, issues },
    object,
    { filters, filterLogic: undefined },
    '',
  )
  return { condition, issues: issues.found.map(({ path, message }) => `${path}: ${message}`) }
}

const of = (field: string, operator: Filter['operator'], value: Filter['value']): Filter => ({
  field,
  operator,
  value,
})
const left = (name: string): object => ({ kind: 'field', path: name.split('.') })

describe('values of a text', () => {
  test.for([
    ['a', ['a']],
    [' a , b ', ['a', 'b']],
    ['"a, b",c', ['a, b', 'c']],
    ['"say ""hi""" , x', ['say "hi"', 'x']],
    ['', ['']],
    ['a,', ['a', '']],
    [',', ['', '']],
    ['say "hi"', ['say "hi"']],
    ['"a" b,c', ['"a" b', 'c']],
  ] as const)('%j are %j', ([text, values]) => {
    expect(splitValues(text)).toEqual(values)
  })

  test('are read back when they are quoted', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (values) => {
        const text = values.map((value) => `"${value.replaceAll('"', '""')}"`).join(', ')
        expect(splitValues(text)).toEqual(values)
      }),
    )
  })
})

describe('filters', () => {
  test.for([
    [
      of('name', 'equals', 'Acme'),
      { kind: 'compare', left: left('Name'), op: '=', right: { kind: 'text', value: 'Acme' } },
    ],
    [
      of('Employees', 'greaterThan', '1000'),
      { kind: 'compare', left: left('Employees'), op: '>', right: { kind: 'number', value: 1_000 } },
    ],
    [
      of('Active', 'equals', '1'),
      { kind: 'compare', left: left('Active'), op: '=', right: { kind: 'boolean', value: true } },
    ],
    [
      of('Owner.name', 'notEqual', null),
      { kind: 'compare', left: left('Owner.Name'), op: '!=', right: { kind: 'null' } },
    ],
    [
      of('SeenAt', 'lessThan', 'last_n_days:7'),
      {
        kind: 'compare',
        left: left('SeenAt'),
        op: '<',
        right: { kind: 'dateLiteral', name: 'LAST_N_DAYS', n: 7 },
      },
    ],
    [
      of('Rating', 'equals', 'Hot!'),
      { kind: 'compare', left: left('Rating'), op: '=', right: { kind: 'text', value: 'hot' } },
    ],
    [
      of('Name', 'startsWith', '50%_\\'),
      { kind: 'like', left: left('Name'), pattern: { kind: 'text', value: '50\\%\\_\\\\%' } },
    ],
    [
      of('Topics', 'excludes', 'apples;b,c'),
      {
        kind: 'includes',
        left: left('Topics'),
        negated: true,
        values: [
          { kind: 'text', value: 'a;b' },
          { kind: 'text', value: 'c' },
        ],
      },
    ],
  ] as const)('%j become conditions', ([filter, condition]) => {
    expect(read([filter])).toEqual({ condition, issues: [] })
  })

  test('a list is any of its values, and none of them for notEqual', () => {
    expect(read([of('Rating', 'equals', 'hot, Warm,')]).condition).toEqual({
      kind: 'or',
      of: [
        {
          kind: 'in',
          left: left('Rating'),
          negated: false,
          values: [
            { kind: 'text', value: 'hot' },
            { kind: 'text', value: 'warm' },
          ],
        },
        { kind: 'compare', left: left('Rating'), op: '=', right: { kind: 'null' } },
      ],
    })
    expect(read([of('Name', 'notEqual', ['a,b', 'c'])]).condition).toEqual({
      kind: 'and',
      of: ['a,b', 'c'].map((value) => ({
        kind: 'compare',
        left: left('Name'),
        op: '!=',
        right: { kind: 'text', value },
      })),
    })
  })

  test('days of instants begin in the zone of the caller', () => {
    const seen = (op: string, value: string): object => ({
      kind: 'compare',
      left: left('SeenAt'),
      op,
      right: { kind: 'datetime', value },
    })
    // The clocks of Berlin go forward on that day: it has 23 hours.
    const [begin, end] = ['2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'] as const
    const on = (operator: Filter['operator']): Condition | undefined =>
      read([of('SeenAt', operator, '2026-03-29')], 'Europe/Berlin').condition
    expect(on('equals')).toEqual({ kind: 'and', of: [seen('>=', begin), seen('<', end)] })
    expect(on('lessThan')).toEqual(seen('<', begin))
    expect(on('lessOrEqual')).toEqual(seen('<', end))
    expect(on('greaterThan')).toEqual(seen('>=', end))
    expect(on('greaterOrEqual')).toEqual(seen('>=', begin))
    expect(on('notEqual')).toMatchObject({ kind: 'or', of: [seen('<', begin), seen('>=', end), { op: '=' }] })
    expect(read([of('Since', 'equals', '2026-03-29')]).condition).toMatchObject({
      right: { kind: 'date', value: '2026-03-29' },
    })
  })

  test.for([
    [
      of('Emploees', 'equals', 'x'),
      /^filters\[0\]\.field: Customer has no field Emploees \(did you mean Employees\?\)$/,
    ],
    [
      of('Ownr.Name', 'equals', 'x'),
      /field: Customer has no parent relationship Ownr \(did you mean Owner\?\)/,
    ],
    [of('a.b.c.d.e.f.g', 'equals', 'x'), /goes through 6 parents/],
    [
      of('Employees', 'contains', '1'),
      /operator: contains is not for Employees, which is of type integer; it has equals/,
    ],
    [of('Extra', 'equals', 'x'), /operator: equals is not for Extra.*it cannot be filtered/],
    [of('Employees', 'equals', 'many'), /value: must be a number; got "many"/],
    [of('Employees', 'equals', 'Infinity'), /must be a number/],
    [of('Employees', 'lessThan', '1,2'), /has 2 values; lessThan takes one/],
    [of('Active', 'equals', 'yes'), /must be true or false/],
    [of('Rating', 'equals', 'hott'), /"hott" is no value of Rating \(did you mean hot\?\)/],
    [of('Since', 'equals', '2026-02-30'), /must be a day/],
    [of('Since', 'equals', 'LAST_N_DAY:7'), /LAST_N_DAY is no relative date \(did you mean LAST_N_DAYS\?\)/],
    [of('Since', 'equals', 'LAST_N_DAYS'), /LAST_N_DAYS needs a whole number/],
    [of('Since', 'equals', 'TODAY:1'), /TODAY takes no number/],
    [of('SeenAt', 'equals', '2026-11-24T08:00'), /must be a day \(2026-11-24\), an instant with zone/],
    [of('Name', 'lessThan', ''), /must be given: lessThan compares with a value/],
    [of('Name', 'equals', []), /has 0 values/],
    [of('Name', 'equals', true), /must be a text; got true/],
  ] as const)('%j are refused with path and reason', ([filter, problem]) => {
    const { condition, issues } = read([filter])
    expect(condition).toBeUndefined()
    expect(issues).toHaveLength(1)
    expect(issues[0]).toMatch(problem)
  })

  test('no value becomes anything but a value', () => {
    const fields = object.fields.map(({ name }) => name)
    const texts = (value: unknown): readonly string[] =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, inner]) => (key === 'value' ? [] : texts(inner)))
        : [String(value)]
    fc.assert(
      fc.property(
        fc.constantFrom(...fields),
        fc.constantFrom('equals', 'notEqual', 'contains'),
        fc.string(),
        (field, operator, value) => {
          const marked = `<<${value}`
          const { condition } = read([of(field, operator, [marked])])
          for (const text of texts(condition)) expect(text).not.toContain('<<')
        },
      ),
    )
  })
})
