import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createMill, defineQueueable, type MillConfig } from '../../../packages/millrace/src/index.ts'

// A worker in a process of its own, whose handler waits for ever or holds the event loop. Its lines are what the tests wait for.

interface Order {
  readonly name: string
  readonly how: 'hang' | 'spin'
  readonly spinMs: number
  readonly config: MillConfig
}

export interface Victim {
  /** Resolves with the first line that matches. */
  line(pattern: RegExp): Promise<string>
  kill(): Promise<void>
}

/** Starts a worker elsewhere that knows one queueable. It goes with the test process at the latest. */
export function startVictim(order: Order): Victim {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = []
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line)
  })
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    line: (pattern) =>
      new Promise((resolve) => {
        const found = lines.find((line) => pattern.test(line))
        if (found === undefined) waiting.push({ pattern, resolve })
        else resolve(found)
      }),
    async kill() {
      process.off('exit', kill)
      if (hasEnded(child)) return
      kill()
      await once(child, 'exit')
    },
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { name, how, spinMs, config } = JSON.parse(process.argv[2] ?? '{}') as Order
  const mill = await createMill({
    ...config,
    definitions: [
      defineQueueable({
        name,
        async execute(_: null, ctx) {
          console.log(`running attempt ${String(ctx.attempt)}`)
          if (how === 'hang') await new Promise(() => undefined)
          const end = performance.now() + spinMs
          while (performance.now() < end);
          await ctx.sql`insert into effects (job, note) values (${ctx.jobId}, 'victim')`
          return 'spun'
        },
        finalizer: () => undefined,
      }),
    ],
  })
  mill.on((event) => console.log(event.kind))
  await mill.start()
}
