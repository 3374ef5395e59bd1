import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import type { MillInternals } from '../../../packages/millrace/src/mill/config.ts'

// A worker in a process of its own that kills itself. Its module runs when it is the main one.

/** Runs the module with the order; resolves when it is dead: true when it died by its own hand. */
export async function runMortal(module: string, order: object): Promise<boolean> {
  const child = spawn(process.execPath, [fileURLToPath(module), JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  process.off('exit', kill)
  return signal === 'SIGKILL'
}

/** The order of the process whose main module this is; null: it is only imported. */
export function orderOf<Order>(module: string): Order | null {
  if (process.argv[1] !== fileURLToPath(module)) return null
  return JSON.parse(process.argv[2] ?? '{}') as Order
}

/** Dies at the n-th time it comes to the point. */
export function dyingAt(point: FaultPoint, time: number): MillInternals {
  let times = 0
  return {
    // What follows is claimed one by one where it is to die at a claim.
    ...(point.startsWith('claim') ? { keepMs: 0 } : {}),
    faults: {
      hit(at) {
        if (at !== point) return
        times += 1
        if (times === time) process.kill(process.pid, 'SIGKILL')
      },
    },
  }
}
