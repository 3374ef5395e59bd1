import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { Loop } from './loop.ts'

const turn = async (): Promise<void> => {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve))
}
const loops: Loop[] = []
afterEach(async () => {
  for (const loop of loops.splice(0)) await loop.stop()
})

function looping(round: (n: number) => number | Promise<number>) {
  const clock = new VirtualClock(new Date(0))
  const rounds: number[] = []
  const errors: unknown[] = []
  const loop = new Loop({
    clock,
    onError: (error) => errors.push(error),
    round: async () => {
      rounds.push(clock.now())
      return round(rounds.length)
    },
  })
  loops.push(loop)
  return {
    loop,
    rounds,
    errors,
    to: async (ms: number): Promise<void> => {
      clock.moveTo(ms)
      await turn()
    },
  }
}

test('one round after another, with the pause each asks for', async () => {
  const { loop, rounds, to } = looping((n) => n * 100)
  loop.start()
  loop.start()
  expect(rounds).toEqual([])
  await turn()
  expect(rounds).toEqual([0])
  await to(99)
  expect(rounds).toEqual([0])
  await to(100)
  await to(299)
  expect(rounds).toEqual([0, 100])
  await to(300)
  expect(rounds).toEqual([0, 100, 300])
})

test('a kick cuts the pause short, and is not forgotten during a round', async () => {
  let end = (): void => undefined
  const { loop, rounds, to } = looping((n) =>
    n === 2 ? new Promise((resolve) => (end = () => resolve(Infinity))) : Infinity,
  )
  loop.start()
  await turn()
  await to(1_000_000)
  expect(rounds).toEqual([0])
  loop.kick()
  await turn()
  expect(rounds).toHaveLength(2)
  loop.kick()
  await turn()
  expect(rounds).toHaveLength(2)
  end()
  await turn()
  expect(rounds).toHaveLength(3)
})

test('a round that throws is told and tried again, each time later, whoever kicks', async () => {
  const { loop, rounds, errors, to } = looping((n) => {
    if (n <= 3) throw new Error(`round ${String(n)}`)
    return Infinity
  })
  loop.start()
  await turn()
  for (const [at, count] of [
    [49, 1],
    [50, 2],
    [149, 2],
    [150, 3],
    [349, 3],
    [350, 4],
  ] as const) {
    loop.kick()
    await to(at)
    expect(rounds).toHaveLength(count)
  }
  expect(errors).toHaveLength(3)
})

test('the pause after errors has a bound, and a good round resets it', async () => {
  let failing = true
  const { loop, rounds, to } = looping(() => {
    if (failing) throw new Error('no')
    return 10
  })
  loop.start()
  await turn()
  let now = 0
  for (let n = 0; n < 12; n += 1) await to((now += 5_000))
  expect(rounds.length).toBeGreaterThan(12)
  failing = false
  await to((now += 5_000))
  failing = true
  await to((now += 10))
  const before = rounds.length
  await to(now + 50)
  expect(rounds).toHaveLength(before + 1)
})

test('stop waits for the round under way, and none follows; it can be started again', async () => {
  let end = (): void => undefined
  const { loop, rounds, to } = looping(() => new Promise((resolve) => (end = () => resolve(Infinity))))
  loop.start()
  await turn()
  let stopped = false
  const stopping = loop.stop().then(() => (stopped = true))
  await turn()
  expect(stopped).toBe(false)
  end()
  await stopping
  await to(1_000)
  expect(rounds).toHaveLength(1)
  loop.start()
  await turn()
  expect(rounds).toHaveLength(2)
  end()
})

test('stop ends a pause at once, also that after an error', async () => {
  const { loop } = looping(() => {
    throw new Error('no')
  })
  loop.start()
  await turn()
  await loop.stop()
  await loop.stop()
})
