import { describe, expect, test } from 'vitest'
import { plain, statement, Statements, texts, valuesOf, uuids } from './statement.ts'

describe('statements', () => {
  const find = statement(
    'find',
    'select millrace.f(x) from millrace.job where id = $id and lane = $lane or id = $id::uuid',
  )

  test('number their parameters and name the schema', () => {
    const rendered = new Statements('App_1', true).render(find)
    expect(rendered).toEqual({
      name: 'millrace_find',
      text: 'select "App_1".f(x) from "App_1".job where id = $1 and lane = $2 or id = $1::uuid',
      parameters: ['id', 'lane'],
    })
    expect(valuesOf(rendered, { lane: 2, id: 'a', other: 3 })).toEqual(['a', 2])
    expect(() => valuesOf(rendered, { id: 'a' })).toThrow('no value for $lane')
  })

  test('have no name behind a pooler, and a channel per schema', () => {
    const statements = new Statements('app', false)
    expect(statements.render(find).name).toBeUndefined()
    expect(statements.render(find)).toBe(statements.render(find))
    expect([statements.channel, new Statements('millrace', true).channel]).toEqual([
      'millrace_app',
      'millrace',
    ])
  })

  test('leave other words with millrace alone', () => {
    const text = "select 'millrace', mymillrace.x, millrace_x.y, current_setting('mill.attempt')"
    expect(new Statements('app', true).inSchema(text)).toBe(text)
  })

  test('take arrays as literals', () => {
    expect(plain([1, null, 'a-b'])).toBe('{1,null,a-b}')
    expect(plain([])).toBe('{}')
    expect(texts(['a', null, 'null', '', 'a "b" \\ {c},d'])).toBe(
      '{"a",null,"null","","a \\"b\\" \\\\ {c},d"}',
    )
  })
})

test('uuids in binary form, in either case; none is an array without dimensions', () => {
  const sent = uuids(['01234567-89ab-cdef-0123-456789abcdef', 'FFFFFFFF-0000-7000-8000-00000000000A'])
  expect(sent.toString('hex')).toBe(
    ['00000001', '00000000', '00000b86', '00000002', '00000001'].join('') +
      '00000010' +
      '0123456789abcdef0123456789abcdef' +
      '00000010' +
      'ffffffff000070008000' +
      '00000000000a',
  )
  expect(uuids([]).toString('hex')).toBe('000000000000000000000b86')
})
