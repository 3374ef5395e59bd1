import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { assemble } from '../../../packages/millrace/src/mill/create-mill.ts'
import { Item } from './items.ts'
import { countingBatch } from './counting.ts'

// A worker in a process of its own that kills itself at the n-th time it comes to a fault point.

export interface Order {
  readonly storage: string
  readonly name: string
  readonly point: FaultPoint
  readonly time: number
  readonly concurrency?: number
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
  const { storage, name, point, time, concurrency } = JSON.parse(process.argv[2] ?? '{}') as Order
  const batch = countingBatch(name, concurrency)
  let times = 0
  const mill = await assemble(
    { storage, definitions: [batch, Item], lease: '2 seconds', log: { sink: () => undefined } },
    {
      // Its chunks are claimed one by one where it is to die at a claim.
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
  let job = ''
  mill.on((event) => {
    // It came to its end before that: nothing is left to be killed in.
    if (event.kind === 'execution.ended' && event.outcome === 'completed' && event.key.job === job)
      void mill.stop()
  })
  job = (await mill.enqueue(batch, null)).id
  await mill.start()
}
