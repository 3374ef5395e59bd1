import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FaultPoint } from '../../../packages/millrace/src/kernel/rules/fault-point.ts'
import { applied, createItems, fill, Item } from '../batch/items.ts'
import { Bench, fresh, places } from '../support/bench.ts'
import { countingPipeline, executions, noted } from './counting.ts'
import { poisoned, runPoison } from './poison.ts'
import { runVictim } from './victim.ts'

const all = await places()

const points: readonly FaultPoint[] = [
  ...(['claim:after-commit', 'settle:before-commit'] as const),
  ...(['settle:after-commit', 'settle:after-ack'] as const),
]
/** Open, a page, finalize, and the last one. */
const cases = points.flatMap((point) => [2, 5, 8, executions].map((time) => [point, time] as const))

describe.each(all)('$kind: a pipeline whose process is killed', (place) => {
  const bench = new Bench(place, 'as created')
  beforeAll(() => createItems(place))
  beforeEach(() => fill(place, 500))

  test.for(cases)(
    'at %s, time %i: each page once, each step and finalize once, the state right',
    async ([point, time]) => {
      const pipeline = countingPipeline(fresh('pipeline'))
      expect(await runVictim({ storage: place.url, name: pipeline.name, point, time })).toBe(true)
      const mill = await bench.working({ definitions: [pipeline, Item], lease: '2 seconds' })
      const [job] = (await mill.jobs.list({ name: pipeline.name })).jobs
      await bench.ended(mill, job!.id)
      expect(await mill.jobs.get(job!.id)).toMatchObject({ status: 'Completed', result: { runs: 3 } })
      expect(await applied(place)).toEqual([[1, 500]])
      expect(await bench.notes(job!.id)).toEqual(noted)
    },
  )

  test('a step that kills its process each time fails the pipeline after three deaths; without it the rest goes on', async () => {
    const pipeline = poisoned(fresh('pipeline'))
    const { name } = pipeline
    const first = await bench.mill({ definitions: [pipeline], lease: '2 seconds' })
    const { id } = await first.enqueue(pipeline, null)
    for (const death of [1, 2, 3])
      expect([death, await runPoison({ storage: place.url, name })]).toEqual([death, true])
    const mill = await bench.working({ definitions: [pipeline], lease: '2 seconds' })
    await bench.ended(mill, id)
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Failed', error: { code: 'MILL_PARKED' } })
    const next = await mill.pipelines.skip(id)
    await bench.ended(mill, next.id)
    expect(await bench.notes(id)).toEqual(['a'])
    expect(await bench.notes(next.id)).toEqual(['c'])
  })

  test('two workers at once: the same', async () => {
    const pipeline = countingPipeline(fresh('pipeline'))
    const [mill] = await Promise.all([1, 2].map(() => bench.working({ definitions: [pipeline, Item] })))
    const ids = await mill!.enqueueMany(pipeline, [null, null, null, null])
    for (const id of ids) {
      await bench.ended(mill!, id)
      expect(await bench.notes(id)).toEqual(noted)
    }
    expect(await applied(place)).toEqual([[4, 500]])
  })
})
