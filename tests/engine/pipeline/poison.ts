import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createMill, definePipeline, step } from '../../../packages/millrace/src/index.ts'
import { note } from '../support/bench.ts'

// A worker in a process of its own whose second step kills it.

export const poisoned = (name: string) =>
  definePipeline({ name }, [
    step({ name: 'a', execute: (_: null, ctx) => note(ctx, 'a') }),
    step({
      name: 'b',
      async execute(_, ctx) {
        await note(ctx, 'b')
        if (process.argv[2] !== undefined) process.kill(process.pid, 'SIGKILL')
      },
    }),
    step({ name: 'c', execute: (_, ctx) => note(ctx, 'c') }),
  ])

/** Resolves when it is dead; true when it died by its own hand. */
export async function runPoison(order: {
  readonly storage: string
  readonly name: string
}): Promise<boolean> {
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
  const { storage, name } = JSON.parse(process.argv[2] ?? '{}') as { storage: string; name: string }
  const mill = await createMill({
    ...{ storage, definitions: [poisoned(name)], lease: '2 seconds' },
    log: { sink: () => undefined },
  })
  await mill.start()
}
