import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { Query } from '../query/query.ts'
import { soqlTemplate } from './template.ts'

const soql = (segments: TemplateStringsArray, ...values: unknown[]): Query => soqlTemplate(segments, values)
const value = (given: unknown): unknown => ({ kind: 'value', value: given })

describe('soqlTemplate', () => {
  it('puts values where literals, lists, LIMIT and OFFSET stand', () => {
    const ids = ['a', 'b']
    const query = soql`SELECT Id, (SELECT Id FROM Contacts WHERE Age > ${7}) FROM Account
      WHERE Name = ${"x' OR Name != '"} AND Id IN ${ids} AND Type NOT IN (${1}, ${null}) AND Name LIKE ${'a%'}
      LIMIT ${10} OFFSET ${20}`
    expect(query).toMatchObject({
      select: [{}, { query: { where: { right: value(7) } } }],
      where: {
        of: [
          { right: value("x' OR Name != '") },
          { values: [value(ids)] },
          { values: [value(1), value(null)] },
          { pattern: value('a%') },
        ],
      },
      limit: value(10),
      offset: value(20),
    })
  })

  it('reads what is written: escapes of SOQL, and of the template only those of ` and $', () => {
    expect(soql`SELECT Id FROM A WHERE B = 'O\'Brien \\ \n \` \${x}'`.where).toMatchObject({
      right: { value: "O'Brien \\ \n ` ${x}" },
    })
  })

  it('takes plain segments too, and says how many values are needed', () => {
    const segments = ['SELECT Id FROM A WHERE B = ', '']
    expect(soqlTemplate(segments, [1]).where).toMatchObject({ right: value(1) })
    expect(() => soqlTemplate(segments, [])).toThrow('needs 1 values for 2 segments; it got 0')
  })

  it('refuses undefined, which is mostly a field that is not there', () => {
    expect(() => soql`SELECT Id FROM A WHERE B = ${null} AND C = ${undefined}`).toThrow(
      'value 2 of the query is undefined',
    )
  })

  it.each([
    ['a name', () => soql`SELECT ${'Id'} FROM A`, 'names are written out', 8],
    ['an object', () => soql`SELECT Id FROM ${'A'}`, 'names are written out', 16],
    ['a direction', () => soql`SELECT Id FROM A ORDER BY Id ${'DESC'}`, 'names are written out', 30],
    ['quotes', () => soql`SELECT Id FROM A WHERE B = '${'x'}'`, 'Leave the quotes out', 29],
    [
      'a pattern in quotes',
      () => soql`SELECT Id FROM A WHERE B LIKE '%${'x'}%'`,
      'put the % into the value',
      33,
    ],
    ['a part of a name', () => soql`SELECT Na${'m'}e FROM A`, 'names are written out', 10],
    ['a comment', () => soql`SELECT Id /* ${1} */ FROM A`, 'a comment', 14],
    ['a line comment', () => soql`SELECT Id FROM A // ${1}`, 'a comment', 21],
    ['a bind', () => soql`SELECT Id FROM A WHERE B = :${1}`, 'Leave the colon out', 28],
    [
      'a number of a literal',
      () => soql`SELECT Id FROM A WHERE B = LAST_N_DAYS:${1}`,
      'Leave the colon out',
      39,
    ],
    ['beside a value', () => soql`SELECT Id FROM A WHERE B = ${1}${2}`, 'value ${…}', 28],
  ])('refuses a value as %s', (_, attempt, message, column) => {
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(`column ${column}:`)
    expect(attempt).toThrow(MillraceError)
  })

  it('reads a call site once; calls share nothing that a value stands in', () => {
    const run = (name: unknown): Query =>
      soql`SELECT Id, Owner.Name FROM A WHERE B = ${name} AND C = 1 LIMIT 10`
    const [first, second] = [run('x'), run('y')]
    expect(first.select).toBe(second.select)
    expect([first.where, second.where]).toMatchObject([
      { of: [{ right: value('x') }, {}] },
      { of: [{ right: value('y') }, {}] },
    ])
  })
})
