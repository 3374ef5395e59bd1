import { afterAll, describe, expect, test } from 'vitest'
import { startCluster } from '../cluster.ts'
import { crashAt, crashPoints } from '../crashes.ts'
import { Random } from '../random.ts'
import { Run } from '../run.ts'
import { seed } from '../seed.ts'
import { postgresTarget } from '../target.ts'
import { exhausted } from './backends.ts'

const cluster = await startCluster({ max_connections: '60' })
afterAll(() => cluster?.drop())

const random = new Random(seed)
const [rescues, others] = ['rescue', ''].map((step) =>
  crashPoints.filter(({ point }) => point.startsWith('rescue') === (step === 'rescue')),
)

describe.skipIf(!cluster)('a server that fails its workers', { timeout: 120_000 }, () => {
  test.each(
    [random.pick(rescues ?? []), random.pick(others ?? [])].map(
      (one) => [one.point, one.approach.name, one] as const,
    ),
  )(
    `crashes at %s (%s), seed ${seed}: the process that was there recovers by itself`,
    async (_point, _name, one) => {
      const { report } = await crashAt(cluster!, one)
      expect(report).toBe('')
    },
  )

  test('has no connection left for them: callers hear a code, and all goes on when there are again', async () => {
    const { report, happened, evidence } = await exhausted(await postgresTarget(cluster!.url), {
      times: 1,
      workers: 2,
      seed: 1,
    })
    expect(report).toBe('')
    expect(happened).toBe(1)
    const unanswered = evidence.entries.filter((entry) => entry.kind === 'unknown')
    expect(unanswered.map(({ code }) => code)).toContain('MILL_STORAGE_UNAVAILABLE')
  })

  test('is not there when they start, and comes later', async () => {
    const run = new Run(await postgresTarget(cluster!.url))
    try {
      run.did('crash')
      await cluster!.crash()
      const process = run.start('early', { produces: [{ ref: 'early', kind: 'finalized', runMs: 1 }] })
      await run.reaches(process, 'has been refused', () =>
        process.entries().some((entry) => entry.kind === 'trouble' && entry.role === 'open'),
      )
      expect(process.wrote('worker')).toBe(false)
      await cluster!.restart()
      run.did('restart')
      await run.reaches(process, 'works', () => process.settles > 0)
      const { report, evidence } = await run.finish({ databaseFaults: true })
      expect(report).toBe('')
      expect(evidence.rows.jobs).toHaveLength(1)
    } finally {
      await run.dispose()
    }
  })
})
