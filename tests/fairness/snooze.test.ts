import { expect, test } from 'vitest'
import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { assemble } from '../../packages/millrace/src/mill/create-mill.ts'
import { skippingClock } from './traced.ts'

test('a run that snoozes is charged to its tenant: snoozing is no way to the front', async () => {
  const { clock, skip } = skippingClock()
  const order: string[] = []
  let enough = (): void => undefined
  const twenty = new Promise<void>((resolve) => (enough = resolve))
  const work = defineQueueable({
    name: 'work',
    execute(_input: null, ctx) {
      order.push(ctx.tenant)
      if (order.length === 20) enough()
      // Longer than what a local queue holds, so that each claim takes one.
      skip(400)
      if (ctx.tenant === 'a-snoozer') ctx.snooze('1 hour')
    },
  })
  const mill = await assemble(
    {
      ...{ storage: 'sqlite::memory:', definitions: [work], concurrency: 1, log: { level: 'ERROR' } },
      ...{ lease: '10 minutes', timeout: '10 minutes' },
    },
    { clock },
  )
  try {
    for (const tenant of ['a-snoozer', 'b-worker'])
      await mill.enqueueMany(work, Array<null>(40).fill(null), { tenant })
    await mill.start()
    await twenty
    expect(order.slice(0, 20).filter((tenant) => tenant === 'b-worker').length).toBeGreaterThanOrEqual(8)
  } finally {
    await mill.stop()
  }
})
