import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_DURATION_MS } from './duration.ts'
import { MillraceError } from './errors.ts'
import type { StoredError } from './outcome.ts'
import { reviveError, storeError } from './stored-error.ts'
import { isStorable } from './text.ts'

class NetworkError extends Error {}
class HttpError extends NetworkError {
  override readonly name: string = 'Http'
}

const withFields = (fields: object): Error => Object.assign(new Error('x'), fields)
const thrower = (): never => {
  throw new Error('no')
}

describe('storeError', () => {
  test('keeps name, message, stack and code, and says the classes', () => {
    const { error, classes } = storeError(Object.assign(new HttpError('gone'), { code: 'E410' }))
    expect(error).toMatchObject({ name: 'Http', message: 'gone', code: 'E410' })
    expect(error.stack).toContain('stored-error.test.ts')
    expect(classes).toEqual(['HttpError', 'NetworkError', 'Error'])
  })

  test.each([
    ['ETIMEDOUT', 'ETIMEDOUT'],
    [23_505, '23505'],
    ['', undefined],
    [{}, undefined],
    ['x'.repeat(300), `${'x'.repeat(199)}…`],
  ])('code %j is kept as %j', (code, kept) => {
    expect(storeError(withFields({ code })).error.code).toBe(kept)
  })

  test.each<[unknown, string]>([
    ['text', '"text"'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ code: 'E1' }, '{"code":"E1"}'],
    ['\ud800', '"\\ud800"'],
    [Symbol('\0'), 'Symbol(\ufffd)'],
  ])('what is no Error gets a code and shows: %j', (thrown, shown) => {
    expect(storeError(thrown)).toEqual({
      error: {
        name: 'NonError',
        code: 'MILL_HANDLER_THREW',
        message: `Something that is not an Error was thrown: ${shown}`,
      },
      classes: [],
    })
  })

  test('errors of another realm are errors', () => {
    const { error, classes } = storeError(runInNewContext('new TypeError("far")'))
    expect(error).toMatchObject({ name: 'TypeError', message: 'far' })
    expect(classes.slice(0, 2)).toEqual(['TypeError', 'Error'])
  })

  test('the chain of causes, ten deep', () => {
    let chain = new Error('0')
    for (let i = 1; i < 20; i++) chain = new Error(`${i}`, { cause: chain })
    const messages: string[] = []
    for (let at: StoredError | undefined = storeError(chain).error; at; at = at.cause)
      messages.push(at.message)
    expect(messages).toEqual(['19', '18', '17', '16', '15', '14', '13', '12', '11', '10'])
  })

  test('a cycle of causes is cut', () => {
    const a = new Error('a')
    const b = new Error('b', { cause: a })
    a.cause = b
    expect(storeError(a).error.cause?.message).toBe('b')
    expect(storeError(a).error.cause?.cause).toBeUndefined()
    a.cause = a
    expect(storeError(a).error.cause).toBeUndefined()
  })

  test('a cause that is no Error is shown', () => {
    expect(storeError(new Error('x', { cause: 'why' })).error.cause).toEqual({
      name: 'NonError',
      message: '"why"',
    })
    expect(storeError(new Error('x', { cause: null })).error.cause).toBeUndefined()
  })

  test('members of an AggregateError stand in the message, the first is the cause', () => {
    const members: unknown[] = Array.from({ length: 12 }, (_, index) => withFields({ code: `E${index}` }))
    members[1] = 'text'
    const { error } = storeError(new AggregateError(members, 'all failed'))
    expect(error.message.split('\n').slice(0, 3)).toEqual(['all failed', '- Error: x', '- "text"'])
    expect(error.message).toMatch(/\n- and 2 more$/)
    expect(error.cause?.code).toBe('E0')
    expect(storeError(new AggregateError([], 'none', { cause: new Error('own') })).error.cause?.message).toBe(
      'own',
    )
    expect(storeError(new AggregateError([1], 'one')).error.message).toBe('one\n- 1')
  })

  test('`errors` of other classes are not folded, nor a list that cannot be read', () => {
    expect(storeError(withFields({ errors: [new Error('in')] })).error.message).toBe('x')
    const broken = new AggregateError([], 'x')
    broken.errors = new Proxy([1], {
      get: (target, field) => (field === 'slice' ? thrower : (Reflect.get(target, field) as unknown)),
    })
    expect(storeError(broken).error.message).toBe('x')
  })

  test.each<[object, number | undefined]>([
    [{ retryAfterMs: 1500.4 }, 1500],
    [{ retryAfter: 2 }, 2000],
    [{ retryAfterMs: 1, retryAfter: 2 }, 1],
    [{ retryAfterMs: -1 }, undefined],
    [{ retryAfterMs: NaN }, undefined],
    [{ retryAfter: 'Wed, 21 Oct 2026 07:28:00 GMT' }, undefined],
    [{ retryAfter: Infinity }, MAX_DURATION_MS],
    [{ cause: withFields({ retryAfter: 3 }) }, 3000],
  ])('retryAfterMs of %j', (fields, ms) => {
    expect(storeError(withFields(fields)).error.retryAfterMs).toBe(ms)
  })

  test('message and stack are bounded; the frames survive a long message', () => {
    const { error } = storeError(new Error('m'.repeat(100_000), { cause: new Error('c'.repeat(100_000)) }))
    expect(error.message).toHaveLength(64 * 1024)
    expect(error.cause?.message).toHaveLength(8 * 1024)
    expect(error.stack).toContain('stored-error.test.ts')
    expect(storeError(withFields({ stack: 's'.repeat(20_000) })).error.stack).toHaveLength(16 * 1024)
    expect(storeError(withFields({ stack: 1 })).error.stack).toBeUndefined()
  })

  test('getters and proxies that throw are tolerated', () => {
    const error = new Error('x')
    for (const field of ['name', 'message', 'stack', 'code', 'cause', 'errors', 'retryAfter']) {
      Object.defineProperty(error, field, { get: thrower })
    }
    expect(storeError(error)).toEqual({ error: { name: 'Error', message: '' }, classes: ['Error'] })
    const hostile = new Proxy(new Error('x'), { getPrototypeOf: thrower })
    expect(storeError(hostile).error.code).toBe('MILL_HANDLER_THREW')
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(storeError(proxy).error.code).toBe('MILL_HANDLER_THREW')
  })

  test('odd prototypes: unreadable, deep, nameless', () => {
    const far = { message: 'm', stack: 's' }
    let calls = 0
    const shifty = new Proxy(far, { getPrototypeOf: () => (calls++ === 0 ? Object.prototype : thrower()) })
    expect(storeError(shifty)).toEqual({ error: { name: 'Error', ...far }, classes: [] })
    let deep: object = new Error('x')
    for (let i = 0; i < 50; i++) deep = Object.create(deep, { constructor: { value: HttpError } }) as object
    expect(storeError(deep).classes).toHaveLength(20)
    expect(storeError(Object.create({ constructor: 1, ...far })).error.name).toBe('Error')
    expect(storeError(new (class extends Error {})('x')).classes).toEqual(['Error'])
  })

  test('whatever is thrown, the outcome is storable plain JSON', () => {
    const anyError = fc
      .record({
        message: fc.string({ unit: 'binary' }),
        name: fc.anything(),
        code: fc.anything(),
        cause: fc.anything(),
      })
      .map((fields) => Object.assign(new Error('x'), fields))
    fc.assert(
      fc.property(fc.oneof(fc.anything(), anyError), (thrown) => {
        const { error } = storeError(thrown)
        expect(JSON.parse(JSON.stringify(error))).toEqual(error)
        for (let at: StoredError | undefined = error; at; at = at.cause) {
          expect([at.name, at.message, at.code ?? '', at.stack ?? ''].every(isStorable)).toBe(true)
        }
      }),
    )
    const { error } = storeError(
      withFields({ name: 'N\0', message: 'a\0\ud800', code: '\udfff', stack: '\0' }),
    )
    expect(error).toEqual({ name: 'N\ufffd', message: 'a\ufffd\ufffd', code: '\ufffd', stack: '\ufffd' })
  })
})

describe('reviveError', () => {
  test('name, message, code, stack, retryAfterMs and causes as they were', () => {
    const stored = storeError(
      Object.assign(new HttpError('gone', { cause: new TypeError('why') }), {
        code: 'E410',
        retryAfterMs: 5,
      }),
    ).error
    const error = reviveError(stored)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'Http',
      message: 'gone',
      code: 'E410',
      retryAfterMs: 5,
      stack: stored.stack,
    })
    expect(error.cause).toMatchObject({ name: 'TypeError', message: 'why' })
    expect(Object.keys(error).sort()).toEqual(['code', 'retryAfterMs'])
    expect(storeError(error).error).toEqual(stored)
  })

  test('little stays little', () => {
    const error = reviveError({ name: 'E', message: 'm' })
    expect('cause' in error).toBe(false)
    expect('code' in error).toBe(false)
  })

  test('errors of Millrace are MillraceErrors again', () => {
    const stored = storeError(new MillraceError('MILL_TIMEOUT', 'slow', { cause: new Error('why') })).error
    const error = reviveError(stored)
    expect(error).toBeInstanceOf(MillraceError)
    expect(error).toMatchObject({
      code: 'MILL_TIMEOUT',
      message: 'slow',
      retryable: true,
      stack: stored.stack,
    })
    expect(error.cause).toMatchObject({ message: 'why' })
    expect(reviveError({ name: 'MillraceError', message: '', code: 'MILL_FENCED' })).toBeInstanceOf(
      MillraceError,
    )
    expect(reviveError({ name: 'MillraceError', message: '', code: 'toString' })).not.toBeInstanceOf(
      MillraceError,
    )
    expect(reviveError({ name: 'MillraceError', message: '' })).not.toBeInstanceOf(MillraceError)
  })
})
