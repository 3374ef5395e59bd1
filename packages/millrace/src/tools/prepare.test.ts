import { beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import type { Claimed, LaneSpec } from '../kernel/rules/execution.ts'
import type { LimitSpec } from '../kernel/rules/limits.ts'
import type { Definition } from './definition.ts'
import type { EnqueueOptions } from './enqueue-options.ts'
import { prepare, type Origin, type PrepareServices } from './prepare.ts'
import { defineQueueable } from './queueable/define.ts'

const now = Date.parse('2030-01-01T00:00:00Z')
let lanes: LaneSpec[] = []
let keys: LimitSpec[] = []
let ids = 0
let services: PrepareServices

beforeEach(() => {
  lanes = []
  keys = []
  ids = 0
  services = {
    newId: () => `id-${String((ids += 1))}`,
    now: () => now,
    databaseNow: async () => now,
    maxPayloadBytes: 100,
    limits: { queues: {}, tenants: {} },
    flexQueue: () => null,
    flexStanding: async () => null,
    lane: async (spec) => {
      lanes.push(spec)
      return { ...spec, id: 40 }
    },
    limitKeys: async (specs) => {
      keys.push(...specs)
      return specs.map(({ name }) => name.length)
    },
  }
})

const plain = defineQueueable({ name: 'plain', execute: () => undefined })
const strict = defineQueueable({
  name: 'strict',
  input: z.object({ id: z.number() }),
  execute: () => undefined,
})
const limited = defineQueueable({
  name: 'limited',
  concurrency: { limit: 2, key: (input: { account: string }) => input.account },
  rateLimit: { limit: 10, per: '1 second' },
  execute: () => undefined,
})

const of = (definition: Definition, input: unknown, options: EnqueueOptions = {}, origin?: Origin) =>
  prepare(services, definition, input, options, origin, null)

/** A run with these options, in whose handler something is enqueued. */
const inside = (options: Claimed['options'], job = 'parent'): Origin => ({
  run: { job, options } as Claimed,
  tenant: 'acme',
})

test('a plain enqueue is as small as can be', async () => {
  expect(await of(plain, { a: 1 })).toEqual({
    ...{ id: 'id-1', lane: 40, prio: 5, parent: null, options: null, payload: '{"a":1}' },
    ...{ due: null, unique: null, args: [] },
  })
  expect(lanes).toEqual([{ tenant: 'default', queue: 'default', name: 'plain', version: 1, gated: false }])
  expect(keys).toEqual([])
})

test('what the enqueue says wins over the definition', async () => {
  const definition = defineQueueable({
    name: 'full',
    ...{ queue: 'q', priority: 2, tags: ['a'], scenario: 'S', deadline: '1 hour' },
    retry: { attempts: 3, initial: '5 seconds' },
    execute: () => undefined,
    finalizer: () => undefined,
  })
  expect(await of(definition, 1n)).toMatchObject({
    prio: 2,
    options: { finalizer: true, deadline: now + 3_600_000, tags: ['a'], scenario: 'S', types: { v: 1 } },
    args: [{ path: '#tag', value: 'a' }],
  })
  const own = await of(definition, null, {
    ...{ queue: 'r', tenant: 't', priority: 0, tags: ['b', 'a'], scenario: 'T', runAs: 'ada' },
    ...{ deadline: '2 hours', timeout: '1 minute', delay: '10 minutes', retry: { attempts: 7 } },
  })
  expect(own).toMatchObject({
    prio: 0,
    due: { inMs: 600_000 },
    options: {
      ...{ deadline: now + 7_200_000, timeoutMs: 60_000, delayMs: 600_000 },
      ...{ tags: ['a', 'b'], scenario: 'T', runAs: 'ada' },
      retry: { attempts: 7, initialMs: 5_000 },
    },
  })
  expect(lanes.at(-1)).toMatchObject({ tenant: 't', queue: 'r' })
})

test.each<[string, Definition, unknown, EnqueueOptions]>([
  ['MILL_INPUT_INVALID', strict, { id: 'x' }, {}],
  ['MILL_INPUT_UNSERIALIZABLE', plain, { f: () => 1 }, {}],
  ['MILL_TEXT_UNSTORABLE', plain, 'nul \0', {}],
  ['MILL_PAYLOAD_TOO_LARGE', plain, 'x'.repeat(99), {}],
  ['MILL_DURATION_INVALID', plain, 1, { delay: '-1 second' }],
  ['MILL_DURATION_INVALID', plain, 1, { delay: '5300 weeks' }],
  ['MILL_DURATION_INVALID', plain, 1, { delay: 5 as never }],
  ['MILL_RUN_AT_INVALID', plain, 1, { runAt: '2030-01-01' }],
  ['MILL_RUN_AT_INVALID', plain, 1, { runAt: new Date(NaN) }],
  ['MILL_RUN_AT_INVALID', plain, 1, { runAt: '2131-01-01T00:00:00Z' }],
  ['MILL_OPTIONS_INVALID', plain, 1, { delay: '1 s', runAt: '2030-01-02T00:00:00Z' }],
  ['MILL_DURATION_INVALID', plain, 1, { timeout: '0' }],
  ['MILL_DURATION_INVALID', plain, 1, { deadline: '0' }],
  ['MILL_PRIORITY_INVALID', plain, 1, { priority: 10 }],
  ['MILL_PRIORITY_INVALID', plain, 1, { priority: 1.5 }],
  ['MILL_NAME_INVALID', plain, 1, { tenant: 'a b' }],
  ['MILL_NAME_INVALID', plain, 1, { tenant: 'x'.repeat(101) }],
  ['MILL_NAME_INVALID', plain, 1, { queue: '' }],
  ['MILL_OPTIONS_INVALID', plain, 1, { tags: Array.from({ length: 21 }, (_, i) => String(i)) }],
  ['MILL_OPTIONS_INVALID', plain, 1, { dealy: '1 s' } as never],
  ['MILL_OPTIONS_INVALID', plain, 1, { tags: 'one' as never }],
  ['MILL_TEXT_UNSTORABLE', plain, 1, { tags: ['\0'] }],
  ['MILL_TEXT_UNSTORABLE', plain, 1, { scenario: '\ud800' }],
  ['MILL_TEXT_UNSTORABLE', plain, 1, { runAs: '\0' }],
  ['MILL_OPTIONS_INVALID', plain, 1, { maxDepth: 0 }],
  ['MILL_OPTIONS_INVALID', plain, 1, { maxDepth: 1.5 }],
  ['MILL_OPTIONS_INVALID', plain, 1, { unique: { key: [] } }],
  ['MILL_OPTIONS_INVALID', plain, 1, { unique: { key: 'k', on: 'ignore' as never } }],
  ['MILL_OPTIONS_INVALID', plain, 1, { unique: { key: 'k', unto: 'done' } as never }],
  ['MILL_DURATION_INVALID', plain, 1, { unique: { key: 'k', until: 'soon' } }],
  ['MILL_OPTIONS_INVALID', plain, 1, { retry: { attempts: 0 } }],
  ['MILL_OPTIONS_INVALID', limited, { account: '' }, {}],
  ['MILL_TEXT_UNSTORABLE', limited, { account: 'a' }, { runAs: '\0' }],
])('%s is told before anything is written (%#)', async (code, definition, input, options) => {
  await expect(of(definition, input, options)).rejects.toMatchObject({ code })
  expect([lanes, keys, ids]).toEqual([[], [], 0])
})

test('the issues of a schema are in the data', async () => {
  await expect(of(strict, { id: 'x' })).rejects.toMatchObject({
    message: expect.stringContaining('input of strict: id: ') as string,
    data: { issues: [{ path: 'id' }] },
  })
})

test('Q-05, Q-09: depth counts down the chain, bounds only tighten', async () => {
  expect((await of(plain, 1, {}, inside(null))).options).toEqual({ depth: 2 })
  expect((await of(plain, 1, {}, inside({ depth: 3, maxDepth: 9 }))).options).toEqual({
    depth: 4,
    maxDepth: 9,
  })
  expect((await of(plain, 1, { maxDepth: 2 }, inside({ depth: 3, maxDepth: 9 }))).options).toEqual({
    depth: 4,
    maxDepth: 5,
  })
  expect((await of(plain, 1, { maxDepth: 99 }, inside({ depth: 3, maxDepth: 9 }))).options?.maxDepth).toBe(9)
  await expect(of(plain, 1, {}, inside({ depth: 9, maxDepth: 9 }))).rejects.toMatchObject({
    code: 'MILL_DEPTH_EXCEEDED',
    data: { depth: 10, maxDepth: 9 },
  })
})

test('a child has its parent’s tenant, scenario and runAs, unless it has its own', async () => {
  const origin = inside({ scenario: 'S', runAs: 'ada' })
  expect(await of(plain, 1, {}, origin)).toMatchObject({
    parent: 'parent',
    options: { scenario: 'S', runAs: 'ada' },
  })
  expect(lanes.at(-1)?.tenant).toBe('acme')
  const own = await of(plain, 1, { tenant: 'x', scenario: 'T', runAs: 'bob' }, origin)
  expect(own.options).toMatchObject({ scenario: 'T', runAs: 'bob' })
  expect(lanes.at(-1)?.tenant).toBe('x')
})

test('limits of the definition, its queue and its tenant become keys, and their jobs a lane of their own', async () => {
  services = {
    ...services,
    limits: {
      queues: { q: { concurrency: 5 } },
      tenants: { '*': { concurrency: 1 }, big: { rateLimit: { limit: 60, per: '1 minute', burst: 5 } } },
    },
  }
  const job = await of(limited, { account: 'a1' }, { queue: 'q' })
  expect(keys).toEqual([
    { name: 'c:definition:limited:a1', slots: 2, rate: null, perProcess: false },
    { name: 'r:definition:limited', slots: null, rate: { burst: 10, perMs: 0.01 }, perProcess: false },
    { name: 'c:queue:q', slots: 5, rate: null, perProcess: false },
    { name: 'c:tenant:default', slots: 1, rate: null, perProcess: false },
  ])
  expect(lanes.at(-1)?.gated).toBe(true)
  const ascending = [...(job.options?.keys ?? [])].sort((a, b) => a - b)
  expect(job.options?.keys).toEqual(ascending)
  keys = []
  await of(plain, 1, { tenant: 'big' })
  expect(keys).toMatchObject([{ name: 'r:tenant:big', rate: { burst: 5, perMs: 0.001 } }])
})

test('a text as key is shared across definitions; a long one is hashed', async () => {
  const shared = ['one', 'two'].map((name) =>
    defineQueueable({
      name,
      concurrency: { limit: 1, key: 'printer', scope: 'process' },
      execute: () => undefined,
    }),
  )
  for (const definition of shared) await of(definition, 1)
  expect(keys.map(({ name, perProcess }) => [name, perProcess])).toEqual([
    ['c:key:printer', true],
    ['c:key:printer', true],
  ])
  keys = []
  services = { ...services, maxPayloadBytes: 1_000 }
  await of(limited, { account: 'x'.repeat(300) })
  await of(limited, { account: 'x'.repeat(299) })
  expect(new Set(keys.filter(({ name }) => name.startsWith('c:')).map(({ name }) => name)).size).toBe(2)
  for (const { name } of keys) expect(name.length).toBeLessThanOrEqual(200)
})

test('Q-10: a unique key is a hash of definition, tenant and signature', async () => {
  const keyOf = async (definition: Definition, options: EnqueueOptions) =>
    (await of(definition, { id: 1 }, options)).unique?.key
  const base = await keyOf(plain, { unique: 'k' })
  expect(base).toMatch(/^[0-9a-f]{64}$/)
  expect(await keyOf(plain, { unique: { key: ['k'], until: 'started', on: 'replace' } })).toBe(base)
  expect(await keyOf(strict, { unique: 'k' })).not.toBe(base)
  expect(await keyOf(plain, { unique: 'k', tenant: 't' })).not.toBe(base)
  expect(await keyOf(plain, { unique: { key: ['k', ''] } })).not.toBe(base)
  expect((await of(plain, 1, { unique: { key: 'k', until: '5 s', on: 'return' } })).unique).toMatchObject({
    until: { ms: 5_000 },
    on: 'return',
  })
})

test('the input is that of the moment of the call', async () => {
  const input = { n: 1 }
  const first = of(plain, input)
  input.n = 2
  expect((await first).payload).toBe('{"n":1}')
})
