import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { assemble } from '../../../packages/millrace/src/mill/create-mill.ts'
import { Item } from '../batch/items.ts'
import { answeredPipeline } from './answered.ts'
import { runningPipeline } from './children.ts'
import { countingPipeline } from './counting.ts'

// A worker in a process of its own that kills itself at the n-th time it comes to a fault point.

export interface Order {
  readonly storage: string
  readonly name: string
  readonly point: FaultPoint
  readonly time: number
  /** `enqueued`: an answered one that stands there already. Default: a counting one. */
  readonly what?: 'counting' | 'answered' | 'enqueued' | 'running'
}

/** Resolves when it is dead; true when it died by its own hand. */
export async function runVictim(order: Order): Promise<boolean> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  process.off('exit', kill)
  return signal === 'SIGKILL'
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { storage, name, point, time, what = 'counting' } = JSON.parse(process.argv[2] ?? '{}') as Order
  const running = runningPipeline(name)
  const pipeline =
    what === 'counting'
      ? countingPipeline(name)
      : what === 'running'
        ? running.pipeline
        : answeredPipeline(name)
  const definitions = what === 'running' ? running.definitions : [pipeline, Item]
  let times = 0
  const mill = await assemble(
    { storage, definitions, lease: '2 seconds', log: { sink: () => undefined } },
    {
      // Its executions are claimed one by one where it is to die at a claim.
      ...(point.startsWith('claim') ? { keepMs: 0 } : {}),
      faults: {
        hit(at) {
          if (at !== point) return
          times += 1
          if (times === time) process.kill(process.pid, 'SIGKILL')
        },
      },
    },
  )
  mill.on((event) => {
    // It came to its end before that: nothing is left to be killed in.
    if (event.kind === 'execution.ended' && event.outcome === 'completed' && event.lane.name === name)
      void mill.stop()
  })
  await mill.start()
  if (what !== 'enqueued') await mill.enqueue(pipeline, null)
}
