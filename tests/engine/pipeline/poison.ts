import { createMill, definePipeline, step } from '../../../packages/millrace/src/index.ts'
import { note } from '../support/bench.ts'
import { orderOf, runMortal } from '../support/mortal.ts'

interface Order {
  readonly storage: string
  readonly name: string
}

export const poisoned = (name: string) =>
  definePipeline({ name }, [
    step({ name: 'a', execute: (_: null, ctx) => note(ctx, 'a') }),
    step({
      name: 'b',
      async execute(_, ctx) {
        await note(ctx, 'b')
        if (orderOf(import.meta.url) !== null) process.kill(process.pid, 'SIGKILL')
      },
    }),
    step({ name: 'c', execute: (_, ctx) => note(ctx, 'c') }),
  ])

/** A worker whose second step kills it. */
export const runPoison = (order: Order): Promise<boolean> => runMortal(import.meta.url, order)

const order = orderOf<Order>(import.meta.url)
if (order !== null) {
  const { storage, name } = order
  const mill = await createMill({
    ...{ storage, definitions: [poisoned(name)], lease: '2 seconds' },
    log: { sink: () => undefined },
  })
  await mill.start()
}
