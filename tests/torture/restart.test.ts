import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { startCluster } from './cluster.ts'
import { crashesUnderLoad } from './crashes.ts'
import { plantAll } from './kills.ts'
import { readRows } from './rows.ts'
import { Run } from './run.ts'
import { postgresTarget } from './target.ts'

// Claims do not wait for the disk: so a crash loses the last of them for certain.
const cluster = await startCluster({ wal_writer_delay: '10s' })
afterAll(() => cluster?.drop())

const crashes = 5

describe.skipIf(!cluster)('a PostgreSQL server that crashes under load', () => {
  test('comes back to workers that lived through it, unaided', { timeout: 120_000 }, async () => {
    const outcome = await crashesUnderLoad(cluster!, { times: crashes, workers: 2, seed: 5 })
    expect(outcome.report).toBe('')
    const happened = outcome.evidence.entries.filter(
      (entry) => entry.kind === 'did' && entry.action === 'crash',
    )
    expect(happened).toHaveLength(crashes)
    expect(plantAll(outcome.evidence).missed).toEqual([])
  })

  test('never gives a lease number twice, although it lost the claim', { timeout: 60_000 }, async () => {
    const run = new Run(await postgresTarget(cluster!.url))
    const long = { concurrency: 1, lease: '15 seconds' } as const
    try {
      const first = run.start('first', { config: long })
      await run.reaches(first, 'works', () => first.wrote('worker'))
      const here = await run.startHere({ works: false })
      await checkpoint(cluster!.url)
      await here.enqueueAll([{ ref: 'first', kind: 'effect', runMs: 3_000 }])
      await run.reaches(first, 'runs', () => first.wrote('start'))
      run.did('crash')
      await cluster!.crash()
      await cluster!.restart()
      const lost = await readRows(run.target.source)
      expect(lost).toMatchObject({ leases: [], ready: [{ attempt: 1 }] })
      run.did('restart')
      // Would be claimed under the number of the lost lease, were it given again; then `first` could settle under it.
      const second = run.start('second', {
        config: long,
        produces: [{ ref: 'second', kind: 'effect', runMs: 4_000, priority: 0 }],
      })
      await run.reaches(second, 'runs', () => second.wrote('start'))
      await run.reaches(first, 'has ended its run', () => first.wrote('end'))
      const { report, evidence } = await run.finish({ databaseFaults: true })
      expect(report).toBe('')
      expect(evidence.entries.filter(({ kind }) => kind === 'fenced')).toMatchObject([
        { process: first.name },
      ])
    } finally {
      await run.dispose()
    }
  })
})

async function checkpoint(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('checkpoint')
  await client.end()
}
