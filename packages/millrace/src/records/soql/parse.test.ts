import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../kernel/rules/errors.ts'
import { parseSoql } from './parse.ts'

const field = (path: string): { kind: 'field'; path: string[] } => ({ kind: 'field', path: path.split('.') })
const where = (condition: string): unknown => parseSoql(`SELECT Id FROM Account WHERE ${condition}`).where
const right = (value: string): unknown => (where(`Name = ${value}`) as { right: unknown }).right

function refused(text: string): { code: string; message: string; data: Readonly<Record<string, unknown>> } {
  try {
    parseSoql(text)
  } catch (error) {
    if (error instanceof MillraceError) return { code: error.code, message: error.message, data: error.data }
    throw error
  }
  throw new Error(`accepted: ${text}`)
}

describe('what is selected', () => {
  it('fields, paths, aliases, functions', () => {
    expect(parseSoql('select Id, Owner.Name n, COUNT(Id) total from Account a')).toEqual({
      from: 'Account',
      alias: 'a',
      select: [
        field('Id'),
        { ...field('Owner.Name'), alias: 'n' },
        { kind: 'call', call: { name: 'COUNT', args: [field('Id')] }, alias: 'total' },
      ],
    })
  })

  it('COUNT() and FIELDS()', () => {
    expect(parseSoql('SELECT COUNT() FROM A').select).toEqual([{ kind: 'count' }])
    expect(parseSoql('SELECT fields(custom) FROM A LIMIT 200').select).toEqual([
      { kind: 'fields', which: 'custom' },
    ])
  })

  it('children and TYPEOF', () => {
    const text =
      'SELECT (SELECT Id FROM a.Contacts c WHERE Age > 5 LIMIT 3), TYPEOF What WHEN Account THEN Phone, Owner.Name ELSE Name END FROM Account a'
    expect(parseSoql(text).select).toEqual([
      {
        kind: 'children',
        relationship: 'Contacts',
        query: {
          alias: 'c',
          select: [field('Id')],
          where: { kind: 'compare', left: field('Age'), op: '>', right: { kind: 'number', value: 5 } },
          limit: { kind: 'number', value: 3 },
        },
      },
      {
        kind: 'typeof',
        relationship: ['What'],
        when: [{ object: 'Account', fields: [['Phone'], ['Owner', 'Name']] }],
        otherwise: [['Name']],
      },
    ])
  })

  it('functions within functions, and text as argument', () => {
    expect(parseSoql('SELECT FORMAT(MIN(Amount)), HOUR_IN_DAY(convertTimezone(At)) FROM A').select).toEqual([
      {
        kind: 'call',
        call: { name: 'FORMAT', args: [{ kind: 'call', call: { name: 'MIN', args: [field('Amount')] } }] },
      },
      {
        kind: 'call',
        call: {
          name: 'HOUR_IN_DAY',
          args: [{ kind: 'call', call: { name: 'CONVERTTIMEZONE', args: [field('At')] } }],
        },
      },
    ])
  })

  it('every clause after FROM', () => {
    const text = `SELECT Status FROM Case USING SCOPE mine WHERE Id != null WITH USER_MODE GROUP
      BY Status HAVING COUNT(Id) >= 2 ORDER   BY COUNT(Id) DESC NULLS LAST, Status LIMIT 10 OFFSET 20 FOR UPDATE ALL ROWS`
    expect(parseSoql(text.replace('FOR UPDATE ALL ROWS', 'ALL ROWS FOR UPDATE'))).toEqual({
      from: 'Case',
      select: [field('Status')],
      scope: 'mine',
      where: { kind: 'compare', left: field('Id'), op: '!=', right: { kind: 'null' } },
      mode: 'user',
      groupBy: { kind: 'plain', by: [field('Status')] },
      having: {
        kind: 'compare',
        left: { kind: 'call', call: { name: 'COUNT', args: [field('Id')] } },
        op: '>=',
        right: { kind: 'number', value: 2 },
      },
      orderBy: [
        {
          by: { kind: 'call', call: { name: 'COUNT', args: [field('Id')] } },
          descending: true,
          nulls: 'last',
        },
        { by: field('Status'), descending: false, nulls: 'first' },
      ],
      limit: { kind: 'number', value: 10 },
      offset: { kind: 'number', value: 20 },
      forUpdate: true,
      allRows: true,
    })
    expect(parseSoql(text)).toEqual(parseSoql(text.replace('FOR UPDATE ALL ROWS', 'ALL ROWS FOR UPDATE')))
  })

  it('OFFSET without LIMIT', () => {
    expect(parseSoql('SELECT Id FROM A WHERE b = 1 OFFSET 5')).toEqual({
      from: 'A',
      select: [field('Id')],
      where: { kind: 'compare', left: field('b'), op: '=', right: { kind: 'number', value: 1 } },
      offset: { kind: 'number', value: 5 },
    })
  })

  it('ROLLUP and CUBE', () => {
    expect(parseSoql('SELECT A, B FROM C GROUP BY ROLLUP(A, B)').groupBy).toEqual({
      kind: 'rollup',
      by: [field('A'), field('B')],
    })
    expect(parseSoql('SELECT A FROM C GROUP BY CUBE (A)').groupBy?.kind).toBe('cube')
  })

  it('takes words of SOQL for names where they can be nothing else', () => {
    const text =
      'SELECT Order, Group, Scope, End, Data, All, Rows, View, Today, Offset FROM First WHERE Order.Group = 1'
    expect(parseSoql(text).select.map((one) => one.kind === 'field' && one.path.join())).toEqual(
      'Order, Group, Scope, End, Data, All, Rows, View, Today, Offset'.split(', '),
    )
  })

  it('passes over comments', () => {
    expect(parseSoql("SELECT Id /* a 'b */ FROM A // from\nWHERE B = '/* c */'").where).toMatchObject({
      right: { value: '/* c */' },
    })
  })

  it('FOR VIEW and FOR REFERENCE change nothing', () => {
    expect(parseSoql('SELECT Id FROM A FOR VIEW')).toEqual(parseSoql('SELECT Id FROM A'))
    expect(parseSoql('SELECT Id FROM A FOR REFERENCE')).toEqual(parseSoql('SELECT Id FROM A'))
  })
})

describe('values', () => {
  it.each([
    ["'O\\'Brien'", { kind: 'text', value: "O'Brien" }],
    [String.raw`'a\\b\n\u00e9\"'`, { kind: 'text', value: 'a\\b\né"' }],
    ['-1.50', { kind: 'number', value: -1.5 }],
    ['eur12.5', { kind: 'currency', code: 'EUR', value: 12.5 }],
    ['TRUE', { kind: 'boolean', value: true }],
    ['null', { kind: 'null' }],
    ['2026-11-24', { kind: 'date', value: '2026-11-24' }],
    ['2026-11-24T09:30:00z', { kind: 'datetime', value: '2026-11-24T09:30:00Z' }],
    ['2026-11-24T09:30:00.5+0100', { kind: 'datetime', value: '2026-11-24T09:30:00.5+01:00' }],
    ['last_n_days : 7', { kind: 'dateLiteral', name: 'LAST_N_DAYS', n: 7 }],
    ['Today', { kind: 'dateLiteral', name: 'TODAY' }],
  ])('%s', (text, scalar) => {
    expect(right(text)).toEqual(scalar)
    expect(where(`Name IN (${text}, NULL)`)).toEqual({
      kind: 'in',
      left: field('Name'),
      negated: false,
      values: [scalar, { kind: 'null' }],
    })
  })

  it('keeps the escapes of a pattern', () => {
    const pattern = (text: string): unknown =>
      (where(`Name LIKE ${text}`) as { pattern: { value: string } }).pattern.value
    expect(pattern(String.raw`'50\% \_ \\ \' %'`)).toBe(String.raw`50\% \_ \\ ' %`)
    expect(right(String.raw`'50\% \_'`)).toEqual({ kind: 'text', value: '50% _' })
  })

  it('LIKE with a list is like any of it', () => {
    expect(where("Name LIKE ('a%', 'b%')")).toEqual({
      kind: 'or',
      of: ['a%', 'b%'].map((value) => ({
        kind: 'like',
        left: field('Name'),
        pattern: { kind: 'text', value },
      })),
    })
  })
})

describe('binds', () => {
  it.each([
    ['account.Id', 'account.Id'],
    [' ids ', 'ids'],
    ['Trigger.newMap.keySet()', 'Trigger.newMap.keySet()'],
    ['list[0] . Id', 'list[0].Id'],
    ["a + 'b c'", "a+'b c'"],
    ['(Limits.max() - 1)', '(Limits.max()-1)'],
    ["m.get('a)\\'b', x).y", "m.get('a)\\'b',x).y"],
    ['new Map< Id, SObject >(v).keySet()', 'new Map<Id,SObject>(v).keySet()'],
    ['new Set<Id>{ a, b }', 'new Set<Id>{a,b}'],
    ['(String) o.get(1)', '(String)o.get(1)'],
    ['a?.b', 'a?.b'],
    ["(x == '' ? '%' : x)", "(x==''?'%':x)"],
  ])('%s', (text, name) => {
    expect(where(`Name = :${text} AND Id = 'x'`)).toMatchObject({
      kind: 'and',
      of: [{ right: { kind: 'bind', name } }, { right: { kind: 'text', value: 'x' } }],
    })
    expect(parseSoql(`SELECT Id FROM A LIMIT :${text} OFFSET :n`)).toMatchObject({
      limit: { kind: 'bind', name },
      offset: { kind: 'bind', name: 'n' },
    })
  })

  it('in lists', () => {
    const values = (text: string): unknown => (where(`Id NOT IN ${text}`) as { values: unknown }).values
    expect(values(':ids')).toEqual([{ kind: 'bind', name: 'ids' }])
    expect(values('(:a, :b.c)')).toEqual([
      { kind: 'bind', name: 'a' },
      { kind: 'bind', name: 'b.c' },
    ])
    expect(where('Picks INCLUDES :picks')).toMatchObject({ kind: 'includes', negated: false })
    expect(where("Picks EXCLUDES ('a;b', :c)")).toMatchObject({ kind: 'includes', negated: true })
    expect(where('Id IN :(ids) AND Name = null')).toMatchObject({ kind: 'and' })
  })

  it('that are literals are these', () => {
    expect(right(":'a b'")).toEqual({ kind: 'text', value: 'a b' })
    expect(right(':true')).toEqual({ kind: 'boolean', value: true })
    expect(right(":'O\\'Brien'")).toEqual({ kind: 'text', value: "O'Brien" })
    expect(parseSoql('SELECT Id FROM A LIMIT :5').limit).toEqual({ kind: 'number', value: 5 })
    expect(right(':5')).toEqual({ kind: 'number', value: 5 })
  })
})

describe('conditions', () => {
  const compare = (name: string, value: number): unknown => ({
    kind: 'compare',
    left: field(name),
    op: '=',
    right: { kind: 'number', value },
  })

  it('nest by parentheses and NOT', () => {
    expect(where('(a = 1 AND (NOT (b = 2 OR NOT c = 3))) OR NOT NOT NOT d = 4')).toEqual({
      kind: 'or',
      of: [
        {
          kind: 'and',
          of: [
            compare('a', 1),
            { kind: 'not', of: { kind: 'or', of: [compare('b', 2), { kind: 'not', of: compare('c', 3) }] } },
          ],
        },
        { kind: 'not', of: { kind: 'not', of: { kind: 'not', of: compare('d', 4) } } },
      ],
    })
  })

  it('keep NOT and order in HAVING', () => {
    const { having } = parseSoql(
      'SELECT a FROM A GROUP BY a HAVING NOT a = 1 AND a = 2 AND NOT (a = 3 OR a = 4)',
    )
    expect(having).toEqual({
      kind: 'and',
      of: [
        { kind: 'not', of: compare('a', 1) },
        compare('a', 2),
        { kind: 'not', of: { kind: 'or', of: [compare('a', 3), compare('a', 4)] } },
      ],
    })
  })

  it('keep apart from those of subqueries', () => {
    const query = parseSoql(
      'SELECT (SELECT x FROM Xs WHERE NOT x = 1) FROM A WHERE (NOT id IN (SELECT y FROM Y WHERE y = 2 OR NOT y = 3)) AND z = 4',
    )
    expect(query.select[0]).toMatchObject({ query: { where: { kind: 'not', of: compare('x', 1) } } })
    expect(query.where).toMatchObject({
      kind: 'and',
      of: [
        {
          kind: 'not',
          of: {
            kind: 'inQuery',
            query: {
              from: 'Y',
              where: { kind: 'or', of: [compare('y', 2), { kind: 'not', of: compare('y', 3) }] },
            },
          },
        },
        compare('z', 4),
      ],
    })
  })
})

describe('what is refused', () => {
  it.each([
    ['', 1, 1, ['SELECT']],
    ['SELECT Id FORM Account', 1, 16, ['FROM']],
    ['SELECT Id\nFROM Account\n  WHER Name = 1', 3, 8, undefined],
    ['SELECT Id FROM Account WHERE Name', 1, 34, undefined],
    ['SELECT Id FROM Account WHERE Name = Foo', 1, 37, ['a value']],
    ["SELECT Id FROM Account WHERE Name = 'a", 1, 37, undefined],
    ['SELECT Id FROM Account WHERE Name = "a"', 1, 37, undefined],
    ["SELECT Id FROM Account WHERE Name = '\\q'", 1, 38, undefined],
    ['SELECT Id FROM Account WHERE (a = 1', 1, 36, ['")"']],
    ['SELECT Id FROM Account WHERE (a = 1 LIMIT 5)', 1, 37, ['")"']],
    ['SELECT Id FROM Account WHERE a = 1)', 1, 35, undefined],
    ['SELECT Id FROM Account WHERE a = 1 b = 2', 1, 36, undefined],
    ['SELECT Id FROM Account WHERE AND a = 1', 1, 30, ['a condition']],
    ['SELECT Id FROM Account WHERE a = 1 AND b = 2 OR c = 3', 1, 46, undefined],
    ['SELECT Id FROM Account WHERE a NOT = 1', 1, 32, undefined],
    ['SELECT Id FROM Account WHERE a IN b', 1, 35, ['"("', 'a bind']],
    ['SELECT Id FROM Account WHERE a IN ()', 1, 36, ['a value']],
    ["SELECT Id FROM Account WHERE a IN 'x'", 1, 35, ['a list in parentheses or a bind']],
    ["SELECT Id FROM Account WHERE a = ('x', 'y')", 1, 34, ['a single value']],
    ['SELECT Id FROM Account WHERE a = 2026-02-30', 1, 34, ['a day of the calendar']],
    ['SELECT Id FROM Account WHERE a = 2026-02-03T10:00:00', 1, 34, undefined],
    ['SELECT Id FROM Account WHERE a = LAST_N_DAYS:-1', 1, 34, undefined],
    ['SELECT Id FROM Account LIMIT -1', 1, 30, ['a whole number', 'a bind']],
    ["SELECT Id FROM Account LIMIT :'x'", 1, 30, ['a whole number', 'a bind']],
    ['SELECT Id FROM Account LIMIT :null', 1, 30, ['a whole number', 'a bind']],
    ['SELECT :true FROM Account', 1, 8, undefined],
    ['SELECT Id FROM Account LIMIT 1 WHERE a = 1', 1, 32, undefined],
    ['SELECT Id,, Name FROM Account', 1, 11, ['a function', '"("', 'TYPEOF', 'a name']],
    ['SELECT Id FROM Account GROUP BY a ORDER BY a ORDER BY b', 1, 46, undefined],
    ['SELECT Id, SUMM(a) FROM Account', 1, 12, ['a function']],
    ['SELECT Id, COUNT() FROM Account', 1, 12, undefined],
    ['SELECT Id FROM Account WITH USER_MODE WITH SECURITY_ENFORCED', 1, 24, undefined],
    ['SELECT Id FROM Account WHERE a = :', 1, 35, undefined],
    ['SELECT Id FROM Account WHERE a = :b(', 1, 36, undefined],
    ['SELECT Id /* FROM Account', 1, 11, ['*/']],
    ['SELECT Id; FROM Account', 1, 10, undefined],
    ['SELECT Id, (SELECT Id, FROM Contacts), Name FROM Account', 1, 24, undefined],
  ])('%s', (text, line, column, expected) => {
    const { code, data } = refused(text)
    expect({ code, line: data['line'], column: data['column'] }).toEqual({
      code: 'MILL_SOQL_SYNTAX',
      line,
      column,
    })
    if (expected !== undefined) expect(data['expected']).toEqual(expected)
  })

  it('says what was found and what was meant', () => {
    expect(refused('SELECT Id FRO Account').message).toBe(
      'SOQL, line 1, column 15: found "Account", expected FROM. Did you mean FROM instead of "FRO"?',
    )
    expect(refused('SELECT CONT(Id) FROM Account').message).toContain('Did you mean COUNT?')
    expect(refused('SELECT Id FROM Account WHERE Name = Foo').message).toContain('single quotes')
  })

  it.each([
    ["SELECT DISTANCE(a, GEOLOCATION(1, 2), 'mi') FROM A", 'DISTANCE()', 1, 8],
    ['SELECT Id FROM A WHERE convertCurrency(a) > 1', 'CONVERTCURRENCY()', 1, 24],
    ['SELECT Id FROM A\nWITH DATA CATEGORY Geography__c AT usa__c', 'WITH DATA CATEGORY', 2, 1],
    ['SELECT Id FROM A USING SCOPE team', 'USING SCOPE team', 1, 30],
    ['SELECT Id FROM A UPDATE TRACKING', 'UPDATE TRACKING', 1, 18],
    ['SELECT Id FROM Account a, a.Contacts c', 'FROM with several objects', 1, 25],
  ])('%s by name', (text, construct, line, column) => {
    expect(refused(text)).toMatchObject({ code: 'MILL_SOQL_UNSUPPORTED', data: { construct, line, column } })
  })

  it('what is too long or too deep, and what is no text', () => {
    expect(refused(`SELECT Id FROM A WHERE a = '${'x'.repeat(100_000)}'`).code).toBe('MILL_SOQL_SYNTAX')
    const nested = (n: number): string => `SELECT Id FROM A WHERE ${'('.repeat(n)}a = 1${')'.repeat(n)}`
    expect(parseSoql(nested(50)).where).toMatchObject({ kind: 'compare' })
    for (const text of [nested(51), nested(40_000), `SELECT Id FROM A WHERE ${'NOT '.repeat(20_000)}a = 1`])
      expect(refused(text).message).toContain('nested deeper than 50')
    expect(refused(`SELECT Id FROM A WHERE a = :${'('.repeat(50_000)}`).code).toBe('MILL_SOQL_SYNTAX')
    expect(refused(`SELECT Id FROM A WHERE a = :${'-'.repeat(50_000)}`).code).toBe('MILL_SOQL_SYNTAX')
    expect(() => parseSoql(undefined as unknown as string)).toThrow(MillraceError)
  })

  it('finds the place in a long text', () => {
    const text = `SELECT Id FROM A WHERE ${'a = 1 AND '.repeat(9_000)}b = )`
    expect(refused(text).data['column']).toBe(text.length)
  })
})
