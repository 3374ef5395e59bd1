import { describe, expect, test } from 'vitest'
import {
  defineBatch,
  defineQueueable,
  type AskedFire,
  type Mill,
  type Overlap,
} from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, places } from '../support/bench.ts'
import { until } from '../support/until.ts'

const hour = 3_600_000

/** A batch of 5 records that says the sizes of its chunks, and waits in its first one where it is told to. */
function batchOf(held = false) {
  let letGo = (): void => undefined
  const released = new Promise<void>((resolve) => (letGo = resolve))
  const began = Promise.withResolvers<undefined>()
  const sizes: number[] = []
  const batch = defineBatch({
    name: fresh('batch'),
    start: (_input: { year: number } | null) => [1, 2, 3, 4, 5].map((n) => ({ n })),
    async execute(scope, ctx) {
      sizes.push(scope.length)
      began.resolve(undefined)
      if (held && sizes.length === 1)
        await Promise.race([
          released,
          new Promise((_, reject) =>
            ctx.signal.addEventListener('abort', () => reject(new Error('stopped'))),
          ),
        ])
    },
    finish: (input, ctx) => `${ctx.schedule?.name ?? 'none'} of ${input?.year ?? 0}`,
  })
  return { batch, sizes, letGo, began: began.promise }
}

async function fired(mill: Mill, name: string): Promise<string> {
  await until(`${name} fired`, async () =>
    (await mill.schedules.fires(name)).some(({ jobId }) => jobId !== null),
  )
  return (await mill.schedules.fires(name)).find(({ jobId }) => jobId !== null)?.jobId ?? ''
}

describe.each(await places())('$kind: a batch as the target of schedules', (place) => {
  const bench = new Bench(place)

  test('B-12: scheduleBatch fires once, with its scope, and then leaves its name to others', async () => {
    const { batch, sizes } = batchOf()
    const mill = await bench.working({ definitions: [batch] })
    const name = fresh('later')
    const made = await mill.schedules.scheduleBatch(batch, {
      ...{ name, delay: '300 ms', scope: 2, input: { year: 2030 }, by: 'ann' },
    })
    expect(made).toMatchObject({ state: 'waiting', cron: null, runs: { tool: 'batch' }, author: 'ann' })
    expect(made.describes).toMatch(/^Once, on 20/)
    await expect(mill.schedules.scheduleBatch(batch, { name, delay: '1 minute' })).rejects.toMatchObject({
      code: 'MILL_SCHEDULE_EXISTS',
      message: `The Apex job named "${name}" is already scheduled for execution.`,
    })
    const job = await fired(mill, name)
    await bench.ended(mill, job)
    expect(sizes).toEqual([2, 2, 1])
    expect((await mill.jobs.get(job)).result).toBe(`${name} of 2030`)
    const [fire, ...others] = await mill.schedules.fires(name)
    expect(fire?.due).toEqual(made.at)
    expect(others).toEqual([])
    const rows = await mill.soql`SELECT State, CronJobDetail.JobType FROM CronTrigger WHERE Id = ${made.id}`
    expect(rows).toEqual([{ State: 'COMPLETE', CronJobDetail: { JobType: '9' } }])
    const again = await mill.schedules.scheduleBatch(batch.name, { name, at: new Date(Date.now() + hour) })
    expect(again).toMatchObject({ state: 'waiting', timesTriggered: 0 })
  })

  test('an enqueue says its scope, too', async () => {
    const { batch, sizes } = batchOf()
    const mill = await bench.working({ definitions: [batch] })
    await (await mill.enqueue(batch, null, { scope: 3 })).completed()
    expect(sizes).toEqual([3, 2])
    await expect(mill.enqueue(batch, null, { scope: 10_001 })).rejects.toMatchObject({
      code: 'MILL_OPTIONS_INVALID',
    })
  })

  test('what is wrong is refused before anything is stored', async () => {
    const { batch } = batchOf()
    const work = defineQueueable({ name: fresh('work'), execute: () => undefined })
    const mill = await bench.mill({ definitions: [batch, work] })
    const name = fresh('later')
    const refused: [unknown, object, string][] = [
      [batch, { name, delay: '0' }, 'MILL_DURATION_INVALID'],
      [batch, { name }, 'MILL_SCHEDULE_INVALID'],
      [batch, { name, delay: '1 hour', at: new Date() }, 'MILL_SCHEDULE_INVALID'],
      [batch, { name, at: new Date(0) }, 'MILL_SCHEDULE_INVALID'],
      [batch, { name, delay: '1 hour', scope: 0 }, 'MILL_OPTIONS_INVALID'],
      [batch, { name, delay: '1 hour', every: '1 hour' }, 'MILL_OPTIONS_INVALID'],
      [work, { name, delay: '1 hour' }, 'MILL_SCHEDULE_INVALID'],
      ['nobody', { name, delay: '1 hour' }, 'MILL_DEFINITION_UNKNOWN'],
    ]
    for (const [target, options, code] of refused)
      await expect(
        mill.schedules.scheduleBatch(target as string, options as never),
        JSON.stringify(options),
      ).rejects.toMatchObject({ code })
    expect(await mill.schedules.list()).not.toContainEqual(expect.objectContaining({ name }))
    await expect(
      mill.schedules.create({ name, runs: work, every: '1 hour', end: new Date(0) }),
    ).rejects.toMatchObject({
      code: 'MILL_SCHEDULE_INVALID',
      message: `Based on configured schedule, the given trigger "${name}" will never fire.`,
    })
  })

  type Kind = 'running' | 'Holding' | 'delayed'
  const kinds: Kind[] = ['running', 'Holding', 'delayed']

  /** An earlier job of the schedule that is under way in its first chunk, in the flex queue behind another batch, or outside its hours. */
  async function standing(kind: Kind, overlap: Overlap) {
    const of = { tenant: fresh('tenant') }
    const [made, other] = [batchOf(kind === 'running'), batchOf(true)]
    const mill = await bench.working({
      ...{ definitions: [made.batch, other.batch], flexQueue: { active: kind === 'Holding' ? 1 : 5 } },
    })
    if (kind === 'Holding') {
      await mill.enqueue(other.batch, null, of)
      await other.began
    }
    const name = fresh('often')
    const time = (at: number): string => new Date(at).toISOString().slice(11, 16)
    const [from, to] = [time(Date.now() + 3 * hour), time(Date.now() + 4 * hour)]
    await mill.schedules.create({
      ...{ ...of, name, runs: made.batch, cron: '0 0 2 1 1 ?', overlap },
      ...(kind === 'delayed' ? { window: { from, to } } : {}),
    })
    const run = (): Promise<AskedFire> => mill.schedules.run(name, of)
    const first = (await run()).jobId ?? ''
    if (kind === 'running') await made.began
    const { status, substatus } = await mill.jobs.get(first)
    expect(status === 'Holding' ? status : substatus).toBe(kind === 'delayed' ? 'outsideWindow' : kind)
    const letGo = (): void => {
      made.letGo()
      other.letGo()
    }
    const triggered = (times: number): Promise<unknown> =>
      until(
        `it fired ${times} times`,
        async () => (await mill.schedules.get(name, of)).timesTriggered === times,
      )
    return { mill, run, first, letGo, triggered }
  }

  test.each(kinds)('overlap skip, while one is %s', async (kind) => {
    const { run, letGo } = await standing(kind, 'skip')
    expect((await run()).state).toBe('skipped')
    letGo()
  })

  test.each(kinds)('overlap allow, while one is %s', async (kind) => {
    const { run, letGo } = await standing(kind, 'allow')
    expect((await run()).state).toBe('fired')
    letGo()
  })

  test.each(kinds)('overlap queue, while one is %s', async (kind) => {
    const { mill, run, first, letGo, triggered } = await standing(kind, 'queue')
    expect((await run()).state).toBe('queued')
    if (kind === 'delayed') await mill.jobs.abort(first)
    letGo()
    await triggered(2)
    expect(await bench.ended(mill, first)).not.toEqual([])
  })

  test.each(kinds)('overlap cancelPrevious, while one is %s', async (kind) => {
    const { mill, run, first, letGo, triggered } = await standing(kind, 'cancelPrevious')
    await run()
    await until('the first one is aborted', async () => (await mill.jobs.get(first)).status === 'Aborted')
    await triggered(2)
    letGo()
  })
})
