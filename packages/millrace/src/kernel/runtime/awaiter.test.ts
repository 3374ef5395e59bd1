import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { outcomes } from '../rules/outcome.ts'
import type { History, JobEnd } from '../storage/history.ts'
import { Awaiter } from './awaiter.ts'

const end = (job: string): JobEnd => ({ job, outcome: outcomes.completed, error: null, result: null })

function awaiting() {
  const clock = new VirtualClock(new Date(0))
  const ended = new Set<string>()
  const asked: (readonly string[])[] = []
  const errors: unknown[] = []
  let failing = false
  const history = {
    async ends(ids: readonly string[]) {
      asked.push(ids)
      if (failing) throw new Error('away')
      return ids.filter((id) => ended.has(id)).map(end)
    },
  } satisfies Partial<History> as unknown as History
  const awaiter = new Awaiter(history, clock, (error) => errors.push(error))
  const turns = async (): Promise<void> => {
    for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    awaiter,
    ended,
    asked,
    errors,
    turns,
    fail: (is: boolean) => (failing = is),
    to: async (ms: number): Promise<void> => {
      clock.moveTo(ms)
      await turns()
    },
  }
}

test('a job that ends here is told at once, to all who wait', async () => {
  const { awaiter, ended, asked, turns } = awaiting()
  const both = [awaiter.wait('a', Infinity), awaiter.wait('a', Infinity)]
  await turns()
  awaiter.ended('other')
  await turns()
  expect(asked).toEqual([['a']])
  ended.add('a')
  awaiter.ended('a')
  expect(await Promise.all(both)).toEqual([end('a'), end('a')])
  await awaiter.stop()
})

test('one that ends elsewhere is found by asking for all together, ever less often', async () => {
  const { awaiter, ended, asked, to } = awaiting()
  const both = [awaiter.wait('a', Infinity), awaiter.wait('b', Infinity)]
  for (let now = 0; now < 5_000; now += 10) await to(now)
  expect(asked.every((ids) => ids.length === 2)).toBe(true)
  expect(asked.length).toBeGreaterThan(9)
  expect(asked.length).toBeLessThan(20)
  ended.add('a')
  ended.add('b')
  await to(6_000)
  expect(await Promise.all(both)).toEqual([end('a'), end('b')])
  await awaiter.stop()
})

test('null after the timeout; others wait on', async () => {
  const { awaiter, ended, to, turns } = awaiting()
  const [short, long] = [awaiter.wait('a', 100), awaiter.wait('a', Infinity)]
  await to(100)
  expect(await short).toBeNull()
  ended.add('a')
  awaiter.ended('a')
  await turns()
  expect(await long).toEqual(end('a'))
  await awaiter.stop()
})

test('nobody is asked about when nobody waits', async () => {
  const { awaiter, asked, to } = awaiting()
  expect(await Promise.all([awaiter.wait('a', 10), to(10)])).toEqual([null, undefined])
  await to(600)
  const before = asked.length
  await to(1_000_000)
  expect(asked).toHaveLength(before)
  await awaiter.stop()
})

test('an error of the database is told and survived', async () => {
  const { awaiter, ended, errors, fail, to } = awaiting()
  fail(true)
  const waiting = awaiter.wait('a', Infinity)
  await to(0)
  expect(errors).toHaveLength(1)
  fail(false)
  ended.add('a')
  await to(10_000)
  expect(await waiting).toEqual(end('a'))
  await awaiter.stop()
})

test('stop looks a last time; who still waits is told, and nobody can wait any more', async () => {
  const { awaiter, ended, turns } = awaiting()
  const [inTime, never] = [awaiter.wait('a', Infinity), awaiter.wait('b', Infinity)]
  const refused = expect(never).rejects.toMatchObject({ code: 'MILL_STORAGE_CLOSED', data: { jobId: 'b' } })
  await turns()
  ended.add('a')
  await awaiter.stop()
  expect(await inTime).toEqual(end('a'))
  await refused
  await expect(awaiter.wait('c', 1)).rejects.toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
})

test('stop does not wait for a database that is away', async () => {
  const { awaiter, fail, turns } = awaiting()
  const waiting = awaiter.wait('a', Infinity)
  const refused = expect(waiting).rejects.toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
  await turns()
  fail(true)
  await awaiter.stop()
  await refused
})
