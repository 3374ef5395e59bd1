import { expect, onTestFinished, test } from 'vitest'
import type { ExecutionHandler } from '../kernel/runtime/handler.ts'
import { systemClock } from '../kernel/runtime/system-clock.ts'
import { defineQueueable } from '../tools/queueable/define.ts'
import { assembleParts } from './create-mill.ts'
import { Mill } from './mill.ts'

const defect = new Error('a defect of the tool')

/** A mill in memory whose one tool has this defect. `troubles` are what the engine told. */
async function defective(
  change: (handler: ExecutionHandler) => Partial<ExecutionHandler>,
  options: { readonly finalizer?: () => void; readonly fails?: boolean } = {},
) {
  const work = defineQueueable({
    name: 'work',
    retry: { attempts: 1 },
    execute: () => {
      if (options.fails === true) throw new Error('failed')
      return 'done'
    },
    ...(options.finalizer === undefined ? {} : { finalizer: options.finalizer }),
  })
  const parts = await assembleParts(
    { storage: 'sqlite::memory:', definitions: [work], log: { sink: () => undefined } },
    { clock: systemClock },
  )
  const handler = parts.handlers.get('work', 1)!
  parts.handlers.add({ ...handler, ...change(handler) })
  const troubles: unknown[] = []
  parts.events.subscribe((event) => {
    if (event.kind === 'trouble') troubles.push(event.error)
  })
  const mill = new Mill(parts)
  onTestFinished(() => mill.stop())
  await mill.start()
  const job = await mill.enqueue(work, null)
  const leases = async (): Promise<number> => {
    const counts = await Promise.all(
      (await mill.workers()).map(({ id }) => parts.storage.executions.leases(id)),
    )
    return counts.flat().length
  }
  return { mill, job, troubles, leases }
}

const never = (): never => {
  throw defect
}

test.each([false, true])(
  'a tool that cannot decide (its handler failed: %s): the job fails',
  async (fails) => {
    const { job, mill, troubles, leases } = await defective(() => ({ decide: never }), { fails })
    await expect(job.completed({ timeout: '5 seconds' })).rejects.toMatchObject({ code: 'MILL_JOB_FAILED' })
    expect(await mill.jobs.get(job.id)).toMatchObject({
      status: 'Failed',
      error: { message: defect.message },
    })
    expect(troubles).toContain(defect)
    await expect.poll(leases).toBe(0)
  },
)

test('only of success it cannot: its attempt is undone, and fails by its policy', async () => {
  const { job, leases } = await defective((handler) => ({
    decide: (run, ending) => (ending.result.kind === 'success' ? never() : handler.decide(run, ending)),
  }))
  await expect(job.completed({ timeout: '5 seconds' })).rejects.toMatchObject({
    cause: { message: defect.message },
  })
  await expect.poll(leases).toBe(0)
})

test('of a finalizer it cannot: the finalizer gives up', async () => {
  const { job, mill, leases } = await defective(
    (handler) => ({ decide: (run, ending) => (run.seq < 0 ? never() : handler.decide(run, ending)) }),
    { finalizer: () => undefined },
  )
  expect(await job.completed({ timeout: '5 seconds' })).toBe('done')
  await expect.poll(leases).toBe(0)
  const attempts = await mill.jobs.attempts(job.id)
  expect(attempts).toHaveLength(2)
})

test('a tool that cannot say how long it may run fails the attempt', async () => {
  const { job, leases } = await defective(() => ({ timeoutMs: never }))
  await expect(job.completed({ timeout: '5 seconds' })).rejects.toMatchObject({
    cause: { message: defect.message },
  })
  await expect.poll(leases).toBe(0)
})

test.each([false, true])(
  'a part that throws when it is told the end (used the database: %s)',
  async (writes) => {
    const told: string[] = []
    const { job, troubles, leases } = await defective((handler) => ({
      async execute(scope) {
        scope.part({ name: 'bad', open: () => ({ value: 1, life: { committed: never, closed: never } }) })
        scope.part({
          name: 'good',
          open: () => ({
            value: 1,
            life: { committed: () => told.push('committed'), closed: () => told.push('closed') },
          }),
        })
        if (writes) await scope.transaction()
        return handler.execute(scope)
      },
    }))
    expect(await job.completed({ timeout: '5 seconds' })).toBe('done')
    await expect.poll(leases).toBe(0)
    expect(told).toEqual(['committed', 'closed'])
    expect(troubles).toEqual([defect, defect])
  },
)
