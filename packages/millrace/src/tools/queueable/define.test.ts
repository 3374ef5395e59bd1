import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineQueueable, type QueueableDefinition } from './define.ts'

const execute = () => 1

/** As a program without types may call it. */
const defineLoosely = defineQueueable as unknown as (options: object) => QueueableDefinition

test('a definition has its defaults and is frozen', () => {
  const work = defineQueueable({ name: 'work', execute })
  expect(work).toEqual({
    kind: 'definition',
    tool: 'queueable',
    name: 'work',
    version: 1,
    options: {},
    schema: undefined,
    hasFinalizer: false,
    execute,
    finalizer: undefined,
    finalizerRetry: undefined,
  })
  expect(Object.isFrozen(work)).toBe(true)
  expect(Object.isFrozen(work.options)).toBe(true)
  expect(() => Object.assign(work, { name: 'other' })).toThrow(TypeError)
  expect(() => Object.assign(work.options, { queue: 'other' })).toThrow(TypeError)
})

test('it keeps what it is given', () => {
  const input = z.object({ a: z.number() })
  const finalizer = () => undefined
  const options = {
    queue: 'mail',
    priority: 0,
    tags: ['a'],
    scenario: 'shop',
    retry: { attempts: 2 },
    timeout: '5 seconds',
    deadline: '1 hour',
    concurrency: { limit: 2, key: 'one', scope: 'process' },
    rateLimit: { limit: 5, per: '1 second', burst: 1 },
  } as const
  const work = defineQueueable({ name: 'work', version: 3, input, execute, finalizer, ...options })
  expect(work).toMatchObject({ version: 3, options, hasFinalizer: true, finalizer })
  expect(work.schema).toBe(input)
})

describe('refused', () => {
  test.for<[name: unknown]>([[''], ['1a'], ['a b'], ['a.b'], ['ä'], ['a'.repeat(81)], [undefined], [1]])(
    'the name %o',
    ([name]) => {
      expect(() => defineLoosely({ name, execute })).toThrow(
        expect.objectContaining({
          code: 'MILL_NAME_INVALID',
          message: expect.stringContaining('defineQueueable') as string,
        }),
      )
    },
  )

  const badOptions: [options: object, code: string][] = [
    [{ execute: undefined }, 'MILL_DEFINITION_INVALID'],
    [{ execute: 'work' }, 'MILL_DEFINITION_INVALID'],
    [{ finalizer: {} }, 'MILL_DEFINITION_INVALID'],
    [{ version: 0 }, 'MILL_DEFINITION_INVALID'],
    [{ version: 1.5 }, 'MILL_DEFINITION_INVALID'],
    [{ version: '1' }, 'MILL_DEFINITION_INVALID'],
    [{ version: 2_000_000_001 }, 'MILL_DEFINITION_INVALID'],
    [{ input: {} }, 'MILL_DEFINITION_INVALID'],
    [{ input: { '~standard': {} } }, 'MILL_DEFINITION_INVALID'],
    [{ input: () => true }, 'MILL_DEFINITION_INVALID'],
    [{ input: null }, 'MILL_DEFINITION_INVALID'],
    [{ retries: { attempts: 2 } }, 'MILL_OPTIONS_INVALID'],
    [{ concurrency: { limit: 1, scop: 'process' } }, 'MILL_OPTIONS_INVALID'],
    [{ queue: 'a b' }, 'MILL_NAME_INVALID'],
    [{ priority: 10 }, 'MILL_PRIORITY_INVALID'],
    [{ tags: 'a' }, 'MILL_OPTIONS_INVALID'],
    [{ tags: [''] }, 'MILL_OPTIONS_INVALID'],
    [{ retry: { attempts: 0 } }, 'MILL_OPTIONS_INVALID'],
    [{ retry: { maxAttempts: 3 } }, 'MILL_OPTIONS_INVALID'],
    [{ finalizerRetry: { attempts: 0 } }, 'MILL_OPTIONS_INVALID'],
    [{ timeout: '0' }, 'MILL_DURATION_INVALID'],
    [{ timeout: 5 }, 'MILL_DURATION_INVALID'],
    [{ deadline: '0 s' }, 'MILL_DURATION_INVALID'],
    [{ deadline: 'soon' }, 'MILL_DURATION_INVALID'],
    [{ concurrency: 0 }, 'MILL_OPTIONS_INVALID'],
    [{ concurrency: { limit: 1.5 } }, 'MILL_OPTIONS_INVALID'],
    [{ concurrency: { limit: 100_001 } }, 'MILL_OPTIONS_INVALID'],
    [{ rateLimit: { limit: 1, per: '1 s', bursts: 1 } }, 'MILL_OPTIONS_INVALID'],
    [{ rateLimit: { limit: 0, per: '1 s' } }, 'MILL_OPTIONS_INVALID'],
    [{ rateLimit: { limit: 1, per: '0' } }, 'MILL_OPTIONS_INVALID'],
    [{ rateLimit: { limit: 1, per: 'often' } }, 'MILL_DURATION_INVALID'],
    [{ rateLimit: { limit: 1, per: '1 s', burst: 0 } }, 'MILL_OPTIONS_INVALID'],
  ]
  test.for(badOptions)('%o', ([options, code]) => {
    expect(() => defineLoosely({ name: 'work', execute, ...options })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('work') as string }),
    )
  })
})
