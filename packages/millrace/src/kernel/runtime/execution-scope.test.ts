import { expect, test } from 'vitest'
import { MillraceError } from '../rules/errors.ts'
import type { Claimed, Lane } from '../rules/execution.ts'
import type { NewJob } from '../storage/jobs.ts'
import type { StorageTransaction } from '../storage/transaction.ts'
import type { ContextPart } from './context-part.ts'
import { currentScope, ExecutionScope, type StopReason } from './execution-scope.ts'
import type { ExecutionHandler } from './handler.ts'

const run = { job: 'j', seq: 0, attempt: 2 } as Claimed
const lane = { name: 'work' } as Lane
const code = 'MILL_CONTEXT_CLOSED'

/** A scope whose transactions begin when the test says so. */
function scoped(how: { readonly begins?: Promise<void>; readonly writes?: boolean } = {}) {
  const begun: { rolledBack: number }[] = []
  const scope = new ExecutionScope(run, lane, null, async () => {
    await how.begins
    const transaction = { rolledBack: 0 }
    begun.push(transaction)
    return {
      hasWrites: async () => how.writes ?? false,
      rollback: async () => void (transaction.rolledBack += 1),
    } satisfies Partial<StorageTransaction> as unknown as StorageTransaction
  })
  return { scope, begun }
}

test('one transaction, begun at first use', async () => {
  const { scope, begun } = scoped()
  expect(scope.opening).toBeNull()
  const [one, two] = await Promise.all([scope.transaction(), scope.transaction()])
  expect(one).toBe(two)
  expect(scope.opened).toBe(one)
  expect(begun).toHaveLength(1)
})

test('whenOpen waits for whoever opens it', async () => {
  const { scope } = scoped()
  const waiting = scope.whenOpen()
  const opened = await scope.transaction()
  expect(await waiting).toBe(opened)
  expect(await scope.whenOpen()).toBe(opened)
})

test('trap 11: sealed, it opens, enqueues and offers nothing any more', async () => {
  const { scope, begun } = scoped()
  scope.seal()
  const uses: (() => unknown)[] = [
    () => scope.transaction(),
    () => scope.hasWrites(),
    () => scope.enqueue([]),
    () => scope.part({ name: 'log', open: () => ({ value: 1 }) }),
    () => scope.assertOpen(),
  ]
  for (const use of uses)
    await expect((async () => use())()).rejects.toMatchObject({
      code,
      data: { jobId: 'j', seq: 0, attempt: 2 },
    })
  expect(begun).toEqual([])
})

test('trap 11: a transaction that begins after the end is rolled back, unused', async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const { scope, begun } = scoped({ begins: promise })
  const late = scope.transaction()
  scope.seal()
  resolve(undefined)
  await expect(late).rejects.toMatchObject({ code })
  expect(begun).toEqual([{ rolledBack: 1 }])
  expect(scope.opened).toBeNull()
})

test('letGo ends a transaction that only read; the next use begins a new one', async () => {
  const { scope, begun } = scoped()
  await scope.letGo()
  const first = await scope.transaction()
  await scope.letGo()
  expect([scope.opened, scope.opening]).toEqual([null, null])
  expect(await scope.transaction()).not.toBe(first)
  expect(begun).toEqual([{ rolledBack: 1 }, { rolledBack: 0 }])
})

test('hasWrites opens nothing to find out', async () => {
  const { scope, begun } = scoped({ writes: true })
  expect(await scope.hasWrites()).toBe(false)
  expect(begun).toEqual([])
  await scope.transaction()
  expect(await scope.hasWrites()).toBe(true)
})

test('children are kept in order until the attempt commits', () => {
  const { scope } = scoped()
  const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id }) as NewJob)
  scope.enqueue([a!])
  scope.enqueue([b!, c!])
  expect(scope.buffered.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
})

test('stopped once: its signal fires with the reason, also for who asks later', () => {
  const reasons: StopReason[] = []
  const error = new MillraceError('MILL_TIMEOUT', 'too long')
  const early = scoped().scope
  const fired: unknown[] = []
  early.signal.addEventListener('abort', () => fired.push(early.signal.reason))
  const nothing = (): undefined => undefined
  early.call = { boundAt: 0, ring: nothing, bound: nothing, stopped: (reason) => void reasons.push(reason) }
  early.stop('timeout', error)
  early.stop('aborted', new MillraceError('MILL_ABORTED', 'too late'))
  expect(fired).toEqual([error])
  expect([reasons, early.stopReason]).toEqual([['timeout'], 'timeout'])
  const late = scoped().scope
  late.stop('aborted', error)
  expect(late.signal.reason).toBe(error)
})

test('what was not committed ends its signal; what was does not', () => {
  for (const committed of [true, false]) {
    const { scope } = scoped()
    const { signal } = scope
    scope.finish(committed, () => undefined)
    expect(signal.aborted).toBe(!committed)
    if (!committed) expect(signal.reason).toMatchObject({ code })
    scope.stop('timeout', new MillraceError('MILL_TIMEOUT', 'after the end'))
    expect(scope.stopReason).toBeNull()
  }
})

test('parts are made once, and told how it ended, closed last', () => {
  for (const committed of [true, false]) {
    const { scope } = scoped()
    const heard: string[] = []
    let opened = 0
    const part: ContextPart<{ readonly n: number }> = {
      name: 'log',
      open: () => ({
        value: { n: (opened += 1) },
        life: {
          committed: () => heard.push('committed'),
          rolledBack: () => heard.push('rolled back'),
          closed: () => heard.push('closed'),
        },
      }),
    }
    expect(scope.part(part)).toBe(scope.part(part))
    scope.finish(committed, () => undefined)
    expect(opened).toBe(1)
    expect(heard).toEqual([committed ? 'committed' : 'rolled back', 'closed'])
  }
})

test('the code a handler calls knows the execution it runs in, across awaits, and none outside', async () => {
  const { scope } = scoped()
  let inside: ExecutionScope | undefined
  const handler: ExecutionHandler = {
    name: 'looks',
    version: 1,
    timeoutMs: () => 1_000,
    execute: async () => {
      await new Promise((resolve) => setImmediate(resolve))
      inside = currentScope()
      return undefined
    },
    decide: () => {
      throw new Error('not asked')
    },
  }
  await scope.enter(handler)
  expect(inside).toBe(scope)
  expect(currentScope()).toBeUndefined()
})
