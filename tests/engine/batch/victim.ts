import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { assemble } from '../../../packages/millrace/src/mill/create-mill.ts'
import { dyingAt, orderOf, runMortal } from '../support/mortal.ts'
import { countingBatch } from './counting.ts'
import { Item } from './items.ts'

export interface Order {
  readonly storage: string
  readonly name: string
  readonly point: FaultPoint
  readonly time: number
  readonly concurrency?: number
}

/** A worker that kills itself at the n-th time it comes to a fault point. */
export const runVictim = (order: Order): Promise<boolean> => runMortal(import.meta.url, order)

const order = orderOf<Order>(import.meta.url)
if (order !== null) {
  const { storage, name, point, time, concurrency } = order
  const batch = countingBatch(name, concurrency)
  const mill = await assemble(
    { storage, definitions: [batch, Item], lease: '2 seconds', log: { sink: () => undefined } },
    dyingAt(point, time),
  )
  let job = ''
  mill.on((event) => {
    // It came to its end before that: nothing is left to be killed in.
    if (event.kind === 'execution.ended' && event.outcome === 'completed' && event.key.job === job)
      void mill.stop()
  })
  job = (await mill.enqueue(batch, null)).id
  await mill.start()
}
