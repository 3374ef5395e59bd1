import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { assemble } from '../../../packages/millrace/src/mill/create-mill.ts'
import { Item } from '../batch/items.ts'
import { dyingAt, orderOf, runMortal } from '../support/mortal.ts'
import { answeredPipeline } from './answered.ts'
import { runningPipeline } from './children.ts'
import { countingPipeline } from './counting.ts'

export interface Order {
  readonly storage: string
  readonly name: string
  readonly point: FaultPoint
  readonly time: number
  /** `enqueued`: an answered one that stands there already. Default: a counting one. */
  readonly what?: 'counting' | 'answered' | 'enqueued' | 'running'
}

/** A worker that kills itself at the n-th time it comes to a fault point. */
export const runVictim = (order: Order): Promise<boolean> => runMortal(import.meta.url, order)

const order = orderOf<Order>(import.meta.url)
if (order !== null) {
  const { storage, name, point, time, what = 'counting' } = order
  const running = runningPipeline(name)
  const pipeline =
    what === 'counting'
      ? countingPipeline(name)
      : what === 'running'
        ? running.pipeline
        : answeredPipeline(name)
  const definitions = what === 'running' ? running.definitions : [pipeline, Item]
  const mill = await assemble(
    { storage, definitions, lease: '2 seconds', log: { sink: () => undefined } },
    dyingAt(point, time),
  )
  mill.on((event) => {
    // It came to its end before that: nothing is left to be killed in.
    if (event.kind === 'execution.ended' && event.outcome === 'completed' && event.lane.name === name)
      void mill.stop()
  })
  await mill.start()
  if (what !== 'enqueued') await mill.enqueue(pipeline, null)
}
