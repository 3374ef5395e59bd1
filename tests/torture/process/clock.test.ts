import { afterAll, describe, expect, test } from 'vitest'
import { Run } from '../run.ts'
import { sqliteTarget } from '../target.ts'
import type { Work } from '../work.ts'
import type { WorkloadProcess } from '../workload-process.ts'
import { wallClock } from './clock.ts'

const clock = wallClock()
afterAll(() => clock?.drop())

const hour = 3_600_000

describe.skipIf(clock === undefined)('workers over SQLite whose wall clock', () => {
  test(
    'leaps forward lose their leases, begin nothing too early, and go on',
    { timeout: 90_000 },
    async () => {
      const run = new Run(await sqliteTarget(), 12)
      try {
        clock!.set(0)
        const workers = [1, 2].map(() => run.start('worker', { produces: 'load', launch: clock!.launch }))
        for (let leaps = 1; leaps <= 3; leaps += 1) {
          for (const worker of workers) {
            const far = worker.progress + 120
            await run.reaches(worker, 'goes on', () => worker.progress >= far)
          }
          clock!.set(leaps * hour)
          const isThere = ({ wall }: { readonly wall: number }): boolean =>
            wall > Date.now() + (leaps - 0.5) * hour
          for (const worker of workers)
            await run.reaches(worker, 'settles by the new time', () =>
              worker.entries().some((entry) => entry.kind === 'settled' && isThere(entry)),
            )
        }
        for (const worker of workers) worker.quiet()
        const { report } = await run.finish()
        expect(report).toBe('')
      } finally {
        await run.dispose()
      }
    },
  )

  test(
    'is set back by an hour go on, and what the dead held is not held until then',
    { timeout: 90_000 },
    async () => {
      const run = new Run(await sqliteTarget(), 13)
      try {
        clock!.set(0)
        const start = (name: string, more: Partial<Work> = {}): WorkloadProcess => {
          const kinds = ['finalized', 'effect', 'plain'] as const
          const works = kinds.map((kind, n): Work => ({
            ref: `${name} ${n}`,
            kind,
            runMs: 2,
            ...(n === 0 ? more : {}),
          }))
          return run.start(name, { produces: works, launch: clock!.launch })
        }
        const first = start('first', { freeze: { process: 'first.1', where: 'idle' } })
        await run.reaches(first, 'is in the midst of it', () => first.isFrozen)
        const living = start('living')
        await run.reaches(living, 'works', () => living.wrote('worker'))
        clock!.set(-hour)
        await run.kill(first)
        const second = start('second')
        await run.reaches(second, 'works', () => second.wrote('worker'))
        const { report, evidence } = await run.finish()
        expect(report).toBe('')
        expect(evidence.rows.done.filter(({ outcome }) => outcome === 3)).toHaveLength(1)
        expect(evidence.rows.jobs.filter(({ created }) => created < Date.now() - hour / 2)).not.toEqual([])
      } finally {
        await run.dispose()
      }
    },
  )
})
