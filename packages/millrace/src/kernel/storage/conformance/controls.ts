import { describe, expect, test } from 'vitest'
import type { Pause, PauseTarget } from '../controls.ts'
import { Bench, fresh } from './fixtures.ts'
import type { Open } from './subject.ts'

export function controls(open: Open): void {
  describe('pauses', () => {
    const bench = new Bench(open)
    const paused = async (target: PauseTarget): Promise<Pause | undefined> =>
      (await bench.storage.controls.pauses()).find(
        (one) => JSON.stringify(one.target) === JSON.stringify(target),
      )

    test('are none at first', async () => {
      expect(await bench.storage.controls.pauses()).toEqual([])
    })

    test.for<PauseTarget>([
      { kind: 'all' },
      { kind: 'queue', value: 'mail' },
      { kind: 'name', value: 'send' },
      { kind: 'tenant', value: "Zoë's" },
    ])('hold $kind until it is resumed', async (target) => {
      const { controls } = bench.storage
      const before = Math.floor(await bench.storage.now())
      expect(await controls.pause(target, 'ann')).toBe(true)
      const pause = await paused(target)
      expect(pause).toEqual({ target, since: pause?.since, by: 'ann' })
      expect(pause!.since).toBeGreaterThanOrEqual(before)
      expect(await controls.pause(target, 'bob')).toBe(false)
      expect(await controls.resume(target)).toBe(true)
      expect(await paused(target)).toBeUndefined()
      expect(await controls.resume(target)).toBe(false)
      expect(await controls.pause(target, null)).toBe(true)
      expect(await paused(target)).toMatchObject({ by: null })
      await controls.resume(target)
    })

    test('of one kind are not those of another', async () => {
      const value = fresh('same')
      await bench.storage.controls.pause({ kind: 'queue', value }, null)
      expect(await bench.storage.controls.resume({ kind: 'name', value })).toBe(false)
      expect(await bench.storage.controls.pause({ kind: 'tenant', value }, null)).toBe(true)
      expect(await paused({ kind: 'queue', value })).toBeDefined()
      expect(await paused({ kind: 'name', value })).toBeUndefined()
    })

    test('are begun once when many ask at once', async () => {
      const target = { kind: 'queue', value: fresh('q') } as const
      const processes = await bench.several(4)
      const answers = await Promise.all(processes.map((storage) => storage.controls.pause(target, null)))
      expect(answers.filter(Boolean)).toHaveLength(1)
    })
  })

  describe('terms', () => {
    const bench = new Bench(open)
    const take = async (name: string, worker: number, ttlMs = 60_000) =>
      await bench.storage.controls.takeTerm(name, worker, ttlMs)

    test('belong to one holder, who may keep them', async () => {
      const [name, a, b] = [fresh('pruner'), await bench.worker(), await bench.worker()]
      expect(await take(name, a)).toBe(true)
      expect(await take(name, b)).toBe(false)
      expect(await take(name, a)).toBe(true)
      expect(await take(fresh('other'), b)).toBe(true)
    })

    test('are free when they ran out, and then the old holder is out', async () => {
      const [name, a, b] = [fresh('pruner'), await bench.worker(), await bench.worker()]
      expect(await take(name, a, -1)).toBe(true)
      expect(await take(name, b)).toBe(true)
      expect(await take(name, a)).toBe(false)
    })

    test('are free when their holder drops them, and nobody else can', async () => {
      const [name, a, b] = [fresh('pruner'), await bench.worker(), await bench.worker()]
      await take(name, a)
      await bench.storage.controls.dropTerm(name, b)
      expect(await take(name, b)).toBe(false)
      await bench.storage.controls.dropTerm(name, a)
      expect(await take(name, b)).toBe(true)
    })

    test('go to one of many who ask at once', async () => {
      const name = fresh('pruner')
      const processes = await bench.several(4)
      const workers = await Promise.all(processes.map(() => bench.worker()))
      const answers = await Promise.all(
        processes.map((storage, index) => storage.controls.takeTerm(name, workers[index]!, 60_000)),
      )
      expect(answers.filter(Boolean)).toHaveLength(1)
    })
  })

  describe('settings', () => {
    const bench = new Bench(open)

    test('are texts by name, the latest wins', async () => {
      const { controls } = bench.storage
      const [one, two] = [fresh('a'), fresh('b')]
      expect(await controls.setting(one)).toBeNull()
      await controls.setSetting(one, 'first')
      await controls.setSetting(one, '')
      await controls.setSetting(two, "it's \u{1f525}")
      expect(await controls.setting(one)).toBe('')
      expect(await controls.setting(two)).toBe("it's \u{1f525}")
    })
  })

  describe('the clock', () => {
    const bench = new Bench(open)

    test('is the wall clock in ms, and does not go back', async () => {
      const first = await bench.storage.now()
      expect(Math.abs(first - Date.now())).toBeLessThan(60_000)
      expect(await bench.storage.now()).toBeGreaterThanOrEqual(first)
    })
  })
}
