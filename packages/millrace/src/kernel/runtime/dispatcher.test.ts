import { expect, test } from 'vitest'
import type { Claimed, Lane } from '../rules/execution.ts'
import { Dispatcher } from './dispatcher.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Starts may be put off to the next turn of the event loop. */
async function turns(): Promise<void> {
  for (let n = 0; n < 3; n += 1) await turn()
}

let made = 0
function execution(queue = 'default', care = 0): Claimed & { readonly queue: string } {
  made += 1
  return {
    ...{ job: `j${String(made)}`, seq: 0, attempt: 1, lane: 1, prio: 5, care, lease: 1, position: made },
    ...{ marked: false, payload: 'null', options: null, queue },
  }
}

/** Runs end when the test says so. */
function dispatching(concurrency: number, queues: Record<string, number> = {}) {
  const running: Claimed[] = []
  let hungry = 0
  const dispatcher = new Dispatcher({
    concurrency,
    queues,
    laneOf: (claimed) => ({ queue: (claimed as Claimed & { queue: string }).queue }) as Lane,
    run: (claimed) => void running.push(claimed),
    onHungry: () => (hungry += 1),
  })
  return {
    dispatcher,
    running,
    push: async (members: readonly Claimed[]): Promise<void> => {
      dispatcher.push(members)
      await turns()
    },
    end: async (which: Claimed = running[0]!): Promise<void> => {
      running.splice(running.indexOf(which), 1)
      dispatcher.freed(which)
      await turns()
    },
    hungry: () => hungry,
  }
}

const many = (count: number, queue?: string, care?: number) =>
  Array.from({ length: count }, () => execution(queue, care))

test('as many at once as its slots, the rest in order', async () => {
  const { dispatcher, running, end, push } = dispatching(3)
  const all = many(5)
  await push(all)
  expect(running).toEqual(all.slice(0, 3))
  expect([dispatcher.running, dispatcher.queued, dispatcher.free]).toEqual([3, 2, 0])
  await end()
  expect(running).toEqual([all[1], all[2], all[3]])
  await end()
  await end()
  expect(running).toEqual([all[3], all[4]])
  expect([dispatcher.running, dispatcher.queued, dispatcher.free]).toEqual([2, 0, 1])
})

test('a queue has its own cap, and what waits for it lets others pass', async () => {
  const { dispatcher, running, end, push } = dispatching(4, { slow: 1 })
  const [slow1, slow2, other] = [execution('slow'), execution('slow'), execution()]
  await push([slow1, slow2, other])
  expect(running).toEqual([slow1, other])
  expect(dispatcher.queueRoom().get('slow')).toBe(0)
  await end(slow1)
  expect(running).toEqual([other, slow2])
  await end(slow2)
  expect(dispatcher.queueRoom().get('slow')).toBe(1)
})

test('what waits for its queue’s cap does not keep the free slots from being claimed for', async () => {
  const { dispatcher, push } = dispatching(4, { slow: 1 })
  dispatcher.measured(60_000)
  await push(many(3, 'slow'))
  expect(dispatcher.running).toBe(1)
  expect(dispatcher.room).toBe(3)
})

test('R9: suspects run one at a time, beside the others', async () => {
  const { dispatcher, running, end, push } = dispatching(4)
  const [one, two] = many(2, 'default', 2)
  const [other, free] = [execution(), execution('default', 1)]
  await push([one!, two!, other, free])
  expect(running).toEqual([one, other, free])
  expect(dispatcher.room).toBe(1)
  await end(other)
  expect(running).toEqual([one, free])
  await end(one)
  expect(running).toEqual([free, two])
})

test('nothing is kept here beyond the free slots while run times are unknown or long', async () => {
  const { dispatcher, push } = dispatching(4)
  expect(dispatcher.room).toBe(4)
  dispatcher.measured(10_000)
  expect(dispatcher.room).toBe(4)
  await push(many(4))
  expect(dispatcher.room).toBe(0)
})

test('the local queue is bounded by measured time, and refilled when a quarter of it is gone', async () => {
  const { dispatcher, end, hungry, push } = dispatching(2)
  dispatcher.measured(10)
  // 2 slots, 250 ms of 10 ms each: 50 may wait.
  expect(dispatcher.room).toBe(52)
  await push(many(52))
  expect(dispatcher.room).toBe(0)
  for (let n = 0; n < 12; n += 1) await end()
  expect([dispatcher.queued, dispatcher.room, hungry()]).toEqual([38, 0, 0])
  await end()
  expect([dispatcher.queued, dispatcher.room, hungry()]).toEqual([37, 13, 1])
})

test('a long run shrinks it at once, short ones let it grow slowly', async () => {
  const { dispatcher } = dispatching(10)
  for (let n = 0; n < 100; n += 1) dispatcher.measured(0.1)
  const before = dispatcher.room
  dispatcher.measured(1_000)
  expect(dispatcher.room).toBeLessThan(before / 100)
  dispatcher.measured(0.1)
  expect(dispatcher.room).toBeLessThan(before / 100)
})

test('gated executions hold their permits while they wait, so fewer are taken', async () => {
  const { dispatcher, push } = dispatching(2)
  expect(dispatcher.gatedRoom).toBe(2)
  dispatcher.measured(10)
  expect(dispatcher.gatedRoom).toBe(12)
  await push(many(5))
  expect(dispatcher.gatedRoom).toBe(7)
})

test('closed it starts nothing and answers what had not begun; reopened it works again', async () => {
  const { dispatcher, running, end, push } = dispatching(1, { slow: 1 })
  const all = [execution(), execution('slow'), execution('default', 3), execution()]
  await push(all)
  const rest = dispatcher.close()
  expect(new Set(rest)).toEqual(new Set(all.filter((one) => !running.includes(one))))
  expect([dispatcher.room, dispatcher.gatedRoom, dispatcher.queued]).toEqual([0, 0, 0])
  await end()
  expect(running).toEqual([])
  dispatcher.reopen()
  await push(rest)
  expect(running).toHaveLength(1)
})

test('what fell with its lease is forgotten, the rest stays', async () => {
  const { dispatcher, running, end, push } = dispatching(1)
  const all = many(4)
  await push(all)
  dispatcher.discard((claimed) => claimed === all[2])
  await end()
  await end()
  expect(running).toEqual([all[3]])
  expect(dispatcher.queued).toBe(0)
})

test('executions that follow each other at once give the event loop its turns', async () => {
  const dispatcher: Dispatcher = new Dispatcher({
    concurrency: 1,
    queues: {},
    laneOf: () => ({ queue: 'default' }) as Lane,
    run(claimed) {
      const end = performance.now() + 1
      while (performance.now() < end);
      ran += 1
      void Promise.resolve().then(() => dispatcher.freed(claimed))
    },
    onHungry: () => undefined,
  })
  let ran = 0
  dispatcher.push(many(100))
  await turn()
  expect(ran).toBeLessThan(50)
  while (ran < 100) await turn()
})

test('the next execution of a job has the slot of the last one, before those that wait', async () => {
  const { dispatcher, running, end, push } = dispatching(1, { bulk: 1 })
  const [first, other, next] = [execution('bulk'), execution('bulk'), execution('bulk')]
  await push([first, other])
  dispatcher.goOn(next)
  await turns()
  expect(running).toEqual([first])
  await end()
  expect(running).toEqual([next])
  await end()
  expect(running).toEqual([other])
})

test('a slot is left in a queue while there is one at all and the queue is below its cap', async () => {
  const { dispatcher, push } = dispatching(2, { bulk: 1 })
  await push([execution('bulk')])
  expect([dispatcher.hasSlotIn('bulk'), dispatcher.hasSlotIn('default')]).toEqual([false, true])
  await push([execution()])
  expect(dispatcher.hasSlotIn('default')).toBe(false)
})

test('a next execution that nothing starts any more is among those that have not started', async () => {
  const { dispatcher, end, push } = dispatching(1)
  const [first, next] = [execution(), execution()]
  await push([first])
  dispatcher.goOn(next)
  expect([dispatcher.open, dispatcher.close(), dispatcher.open]).toEqual([true, [next], false])
  await end()
  expect(dispatcher.running).toBe(0)
})
