import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../rules/errors.ts'
import { sqlState, translate } from './errors.ts'

const ours = { what: 'settle', whose: 'ours', sent: true } as const
const user = { ...ours, whose: 'user' } as const
const failed = (code: string | undefined, message = 'no'): Error =>
  Object.assign(new Error(message), code === undefined ? {} : { code })

describe('errors of PostgreSQL', () => {
  test.for<[string, ErrorCode, boolean]>([
    ['3D000', 'MILL_STORAGE_AUTH', false],
    ['28P01', 'MILL_STORAGE_AUTH', false],
    ['28000', 'MILL_STORAGE_AUTH', false],
    ['42501', 'MILL_STORAGE_AUTH', false],
    ['53100', 'MILL_STORAGE_FULL', false],
    ['53300', 'MILL_STORAGE_UNAVAILABLE', false],
    ['25006', 'MILL_STORAGE_READ_ONLY', false],
    ['57P01', 'MILL_STORAGE_UNAVAILABLE', true],
    ['57P02', 'MILL_STORAGE_UNAVAILABLE', true],
    ['57P03', 'MILL_STORAGE_UNAVAILABLE', true],
    ['57014', 'MILL_STORAGE_UNAVAILABLE', false],
    ['08006', 'MILL_STORAGE_UNAVAILABLE', true],
    ['40001', 'MILL_STORAGE_BUSY', false],
    ['40P01', 'MILL_STORAGE_BUSY', false],
    ['55P03', 'MILL_STORAGE_BUSY', false],
    ['58030', 'MILL_STORAGE_IO', false],
    ['XX001', 'MILL_STORAGE_CORRUPT', false],
    ['22021', 'MILL_TEXT_UNSTORABLE', false],
    ['42P01', 'MILL_SCHEMA_MISSING', false],
    ['23505', 'MILL_STORAGE_QUERY', false],
    ['42601', 'MILL_STORAGE_QUERY', false],
  ])('%s is %s, unknown: %s', ([state, code, unknown]) => {
    const cause = failed(state)
    expect(translate(cause, ours)).toMatchObject({ code, cause, data: { unknown, sqlstate: state } })
    expect(translate(cause, { ...ours, sent: false }).data['unknown']).toBe(false)
  })

  test("tables and rights are the user's affair in a user's statement", () => {
    for (const state of ['42P01', '42703', '42501']) {
      expect(translate(failed(state), user).code).toBe('MILL_STORAGE_QUERY')
    }
  })

  test.for<[string | undefined, string, boolean]>([
    ['ECONNREFUSED', 'connect ECONNREFUSED', true],
    ['EPIPE', 'write EPIPE', true],
    [undefined, 'Connection terminated unexpectedly', true],
    [undefined, 'Client has encountered a connection error and is not queryable', false],
  ])('%s %s is a network that failed, unknown: %s', ([code, message, unknown]) => {
    const error = translate(failed(code, message), ours)
    expect(error).toMatchObject({ code: 'MILL_STORAGE_UNAVAILABLE', data: { unknown } })
    expect(translate(failed(code, message), { ...ours, sent: false }).data['unknown']).toBe(false)
  })

  test('a password that pg itself refuses is one of rights; a bad parameter is a query; ours pass through', () => {
    const sasl = failed(undefined, 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')
    expect(translate(sasl, { ...ours, sent: false }).code).toBe('MILL_STORAGE_AUTH')
    expect(translate(new TypeError('bad'), user)).toMatchObject({
      code: 'MILL_STORAGE_QUERY',
      data: { unknown: false },
    })
    const known = translate('thrown text', ours)
    expect(known.message).toBe('settle: thrown text')
    expect(translate(known, user)).toBe(known)
  })

  test('tells where a constraint was broken', () => {
    const cause = Object.assign(failed('23505'), { constraint: 'done_pkey', table: 'done', detail: 'Key …' })
    expect(translate(cause, user).data).toMatchObject({
      constraint: 'done_pkey',
      table: 'done',
      detail: 'Key …',
    })
  })

  test('a state has five characters and no other code has', () => {
    expect([sqlState(failed('57P01')), sqlState(failed('EPIPE')), sqlState(null)]).toEqual([
      '57P01',
      null,
      null,
    ])
  })
})
