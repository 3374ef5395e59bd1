import { createMill, defineBatch } from '../../../packages/millrace/src/index.ts'
import { orderOf, runMortal } from '../support/mortal.ts'
import { Item, numbersOf } from './items.ts'

interface Order {
  readonly storage: string
  readonly name: string
}

/** A worker whose second chunk kills it. */
export const runPoison = (order: Order): Promise<boolean> => runMortal(import.meta.url, order)

const order = orderOf<Order>(import.meta.url)
if (order !== null) {
  const { storage, name } = order
  const batch = defineBatch({
    name,
    scope: 100,
    start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
    async execute(scope, ctx) {
      await ctx.sql`update item set n = n + 1 where id in ${numbersOf(scope)}`
      if (ctx.chunk === 2) process.kill(process.pid, 'SIGKILL')
    },
  })
  const mill = await createMill({
    storage,
    definitions: [batch, Item],
    lease: '2 seconds',
    log: { sink: () => undefined },
  })
  await mill.start()
}
