import { afterAll, expect, test } from 'vitest'
import { lost } from './evidence.ts'
import { deadWorker } from './fault-points.ts'
import { readRows } from './rows.ts'
import { Run } from './run.ts'
import { testDatabases } from './test-databases.ts'
import { until } from './until.ts'

const databases = await testDatabases()
afterAll(() => databases.drop())

test.each(databases.all)(
  'R11: an older worker on %s rescues what it does not know, and leaves it to a newer one',
  { timeout: 60_000 },
  async (_kind, open) => {
    const run = new Run(await open())
    try {
      // It dies with jobs in hand of the kinds that the older release does not know.
      const newer = await deadWorker(run)
      const older = await run.startHere({ knows: ['plain'] })
      await older.enqueueAll([{ ref: 'known', kind: 'plain', runMs: 1 }])
      const plain = async (): Promise<number> => {
        const { jobs, done } = await readRows(run.target.source)
        const ended = new Set(done.filter(({ outcome }) => outcome >= 10).map(({ job }) => job))
        return jobs.filter(({ id, name }) => name === 'plain' && !ended.has(id)).length
      }
      await until('the newer one is buried, and all that is known has run', 20_000, async () => {
        return (await run.workerOf(newer)) === 'gone' && (await plain()) === 0
      })
      const { jobs, done, ready, waiting, leases } = await readRows(run.target.source)
      const unknown = jobs.filter(({ name }) => name !== 'plain').map(({ id }) => id)
      expect(unknown.length).toBeGreaterThan(0)
      // One had begun; none has ended.
      const ended = done.filter(({ job }) => unknown.includes(job))
      expect(ended.map(({ seq, outcome }) => [seq, outcome])).toEqual([[0, lost]])
      expect(leases).toEqual([])
      expect([...ready, ...waiting].map(({ job }) => job).toSorted()).toEqual(unknown.toSorted())

      await run.startHere()
      const { report, evidence } = await run.finish()
      expect(report).toBe('')
      const completed = evidence.rows.done.filter(({ seq, outcome }) => seq === 0 && outcome === 10)
      expect(completed).toHaveLength(jobs.length)
    } finally {
      await run.dispose()
    }
  },
)
