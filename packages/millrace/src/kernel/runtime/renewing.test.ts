import { expect, test } from 'vitest'
import type { KeeperNews } from './keeper.ts'
import { Renewing } from './renewing.ts'

function renewing(renew: (worker: number) => Promise<boolean>) {
  const told: KeeperNews[] = []
  const asked: number[] = []
  const one = new Renewing({
    workers: {
      renew: (worker) => {
        asked.push(worker)
        return renew(worker)
      },
    },
    leaseMs: 1_000,
    tell: (news) => void told.push(news),
  })
  return { one, told, asked }
}

test('renews whom it was told last, and says once that it is ready', async () => {
  const { one, told, asked } = renewing(async () => true)
  await one.round()
  one.renew(1)
  await one.round()
  one.renew(2)
  await one.round()
  expect(asked).toEqual([1, 2])
  expect(told).toEqual([{ ready: true }])
})

test('tells of a lost lease once', async () => {
  const { one, told, asked } = renewing(async () => false)
  one.renew(1)
  await one.round()
  await one.round()
  expect(asked).toEqual([1])
  expect(told).toEqual([{ fenced: 1 }, { ready: true }])
})

test('a successor it hears of during the last renewal of a fenced worker is renewed', async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const { one, told, asked } = renewing((worker) => (worker === 1 ? promise : Promise.resolve(true)))
  one.renew(1)
  const round = one.round()
  one.renew(2)
  resolve(false)
  await round
  await one.round()
  expect(asked).toEqual([1, 2])
  expect(told).toContainEqual({ fenced: 1 })
})

test('a renewal that fails is no lost lease', async () => {
  let away = true
  const { one, told, asked } = renewing(async () => {
    if (away) throw new Error('away')
    return true
  })
  one.renew(1)
  await expect(one.round()).rejects.toThrow('away')
  away = false
  await one.round()
  expect(asked).toEqual([1, 1])
  expect(told).toEqual([{ ready: true }])
})
