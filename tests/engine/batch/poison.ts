import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createMill, defineBatch } from '../../../packages/millrace/src/index.ts'
import { Item, numbersOf } from './items.ts'

// A worker in a process of its own whose second chunk kills it.

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
