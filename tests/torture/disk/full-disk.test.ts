import { afterAll, describe, expect, test } from 'vitest'
import { createMill, defineQueueable } from '../../../packages/millrace/src/index.ts'
import { plantAll } from '../kills.ts'
import { readRows } from '../rows.ts'
import { fullDisks } from './full-disk.ts'
import { postgresOnSmallDisks, sqliteOnSmallDisk } from './full-targets.ts'
import { codesOfCalls } from './heard.ts'

const sqlite = sqliteOnSmallDisk()
const all = [
  ['sqlite', sqlite],
  ['postgres', await postgresOnSmallDisks()],
] as const
afterAll(async () => {
  for (const [, place] of all) await place?.drop()
})

describe.each(all)('a disk of %s that is full again and again', (_kind, place) => {
  test.skipIf(place === undefined)(
    'is told by a code, and nothing is lost, doubled or left over',
    { timeout: 120_000 },
    async () => {
      const { report, evidence } = await fullDisks(await place!.open(), place!.disks, { times: 4, seed: 4 })
      expect(report).toBe('')
      const codes = new Set(codesOfCalls(evidence.entries))
      expect(codes.size).toBeGreaterThan(0)
      for (const code of codes) expect(code).toMatch(/^MILL_|^rolled back$/)
      expect(plantAll(evidence).missed).toEqual([])
    },
  )
})

test.skipIf(sqlite === undefined)(
  'trap 1: a handler that goes on after the disk was full in the midst of its transaction writes nothing',
  { timeout: 60_000 },
  async () => {
    const target = await sqlite!.open()
    const heard: unknown[] = []
    const note = (error: unknown): void => void heard.push((error as { code?: unknown }).code)
    const work = defineQueueable({
      name: 'swallowing',
      retry: { attempts: 2, initial: '0' },
      async execute(_: null, ctx) {
        await ctx.sql`insert into app (ref) values (${`before ${ctx.attempt}`})`
        // More than the cache holds, so that it is written before the commit.
        for (let n = 0; n < 400 && heard.length === 0; n += 1)
          await ctx.sql`insert into app (ref) values (zeroblob(1000000))`.catch(note)
        await ctx.sql`insert into app (ref) values (${`after ${ctx.attempt}`})`.catch(note)
      },
    })
    const mill = await createMill({ storage: target.config.storage ?? '', definitions: [work] })
    try {
      await mill.start()
      const job = await mill.enqueue(work, null)
      await job.completed()
      expect(heard).toEqual(['MILL_STORAGE_FULL', 'MILL_TRANSACTION_LOST'])
      expect(await mill.jobs.attempts(job.id)).toMatchObject([
        { outcome: 'retried', error: { code: 'MILL_TRANSACTION_LOST' } },
        { outcome: 'completed' },
      ])
      expect((await readRows(target.source)).app).toEqual(['after 2', 'before 2'])
    } finally {
      await mill.stop()
      await target.drop()
    }
  },
)
