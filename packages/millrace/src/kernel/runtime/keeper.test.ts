import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import type { Workers } from '../storage/workers.ts'
import { LoopKeeper, ThreadKeeper, type KeeperOptions } from './keeper.ts'
import type { Service } from './loop.ts'
import { systemClock } from './system-clock.ts'

const services: Service[] = []
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop()
})

interface Kept {
  readonly options: KeeperOptions
  readonly renewed: number[]
  readonly errors: unknown[]
  /** Workers that were told they lost their lease. */
  readonly fenced: number[]
  /** What renew answers. */
  stands: boolean
  /** How often onFenced fails before it goes well. */
  failures: number
}

function keeping(clock: KeeperOptions['clock']): Kept {
  let id = 1
  const kept: Kept = {
    renewed: [],
    errors: [],
    fenced: [],
    stands: true,
    failures: 0,
    options: {
      workers: {
        async renew(worker: number) {
          kept.renewed.push(worker)
          return kept.stands
        },
      } satisfies Partial<Workers> as unknown as Workers,
      clock,
      leaseMs: 300,
      heartbeatMs: 100,
      worker: () => id,
      onFenced: async () => {
        kept.fenced.push(id)
        if (kept.failures > 0) {
          kept.failures -= 1
          throw new Error('away')
        }
        id += 1
        kept.stands = true
      },
      onError: (error) => kept.errors.push(error),
    },
  }
  return kept
}

test('in the loop: renews each heartbeat, and begins anew when the lease is gone', async () => {
  const clock = new VirtualClock(new Date(0))
  const kept = keeping(clock)
  const keeper = new LoopKeeper(kept.options)
  services.push(keeper)
  const to = async (ms: number): Promise<void> => {
    clock.moveTo(ms)
    for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  keeper.start()
  await to(0)
  await to(100)
  expect(kept.renewed).toEqual([1, 1])
  kept.stands = false
  await to(200)
  await to(300)
  expect(kept.renewed).toEqual([1, 1, 1, 2])
  expect(kept.fenced).toEqual([1])
})

const folder = mkdtempSync(join(tmpdir(), 'millrace-keeper-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A thread in place of the one that knows databases: writes into shared counters what it hears. */
function threadModule(name: string, body: string): URL {
  const path = join(folder, `${name}.mjs`)
  writeFileSync(path, `import { parentPort, workerData } from 'node:worker_threads'\n${body}`)
  return pathToFileURL(path)
}

const obedient = threadModule(
  'obedient',
  `const counters = new Int32Array(workerData.target)
   parentPort.on('message', (order) => {
     if (order === null) return process.exit()
     Atomics.store(counters, 0, order.worker)
     Atomics.add(counters, 1, 1)
     parentPort.postMessage({ ready: true })
     if (Atomics.load(counters, 2) === order.worker) parentPort.postMessage({ fenced: order.worker })
   })`,
)
const dying = threadModule(
  'dying',
  `const counters = new Int32Array(workerData.target)
   if (Atomics.add(counters, 1, 1) === 0) throw new Error('no database')
   parentPort.on('message', (order) => {
     if (order === null) return process.exit()
     Atomics.store(counters, 0, order.worker)
     parentPort.postMessage({ ready: true })
   })`,
)

function threaded(module: URL) {
  const kept = keeping(systemClock)
  const counters = new Int32Array(new SharedArrayBuffer(12))
  const keeper = new ThreadKeeper(kept.options, { module, target: counters.buffer, blockedLimitMs: 1_000 })
  services.push(keeper)
  return { keeper, kept, counters }
}

test('the thread is told which worker to renew; until it is ready the loop does it', async () => {
  const { keeper, kept, counters } = threaded(obedient)
  keeper.start()
  keeper.start()
  await vi.waitFor(() => expect(counters[0]).toBe(1))
  expect(kept.renewed).toContain(1)
  await keeper.stop()
  expect(counters[1]).toBe(1)
  const before = kept.renewed.length
  await keeper.stop()
  expect(kept.renewed).toHaveLength(before)
})

test('when the thread finds the lease gone the worker begins anew, and the thread renews the new one', async () => {
  const { keeper, kept, counters } = threaded(obedient)
  counters[2] = 1
  keeper.start()
  await vi.waitFor(() => expect(counters[0]).toBe(2))
  expect(kept.fenced).toEqual([1])
})

test('beginning anew is tried until it goes well: nobody else would', async () => {
  const { keeper, kept, counters } = threaded(obedient)
  counters[2] = 1
  kept.failures = 2
  keeper.start()
  await vi.waitFor(() => expect(counters[0]).toBe(2), { timeout: 5_000 })
  expect(kept.fenced).toEqual([1, 1, 1])
  expect(kept.errors).toHaveLength(2)
})

test('a thread that dies is told and replaced; the loop keeps the lease meanwhile', async () => {
  const { keeper, kept, counters } = threaded(dying)
  keeper.start()
  await vi.waitFor(() => expect(kept.errors).toHaveLength(1), { timeout: 5_000 })
  expect(kept.errors[0]).toMatchObject({ message: 'no database' })
  await vi.waitFor(() => expect(kept.renewed.length).toBeGreaterThan(1))
  await vi.waitFor(() => expect(counters[0]).toBe(1), { timeout: 5_000 })
})
