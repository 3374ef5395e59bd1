import { afterAll, expect, test } from 'vitest'
import { Findings } from './evidence.ts'
import { Run } from './run.ts'
import { testDatabases } from './test-databases.ts'
import type { Work } from './work.ts'

const databases = await testDatabases()
afterAll(() => databases.drop())

const victim = 'stopped.1'

test.each(databases.all)(
  'a shutdown under load on %s hands back what it interrupts and charges nothing',
  { timeout: 60_000 },
  async (_kind, open) => {
    const run = new Run(await open())
    try {
      const interrupted = [1, 2, 3].map((n): Work => {
        return {
          ref: `interrupted ${n}`,
          kind: n === 3 ? 'plain' : 'finalized',
          runMs: 1,
          untilSignal: victim,
        }
      })
      // Not stopped by the signal: it has time left to finish what it does.
      const finishing = [1, 2].map((n): Work => {
        return { ref: `finishing ${n}`, kind: 'effect', runMs: 0, untilSignal: victim, children: 2 }
      })
      const process = run.start('stopped', {
        produces: [...interrupted, ...finishing],
        config: { concurrency: 12, shutdown: '150ms' },
      })
      const producer = run.start('producer', { works: false, produces: 'load' })
      await run.reaches(process, 'runs what will be interrupted', () => {
        const started = process
          .entries()
          .filter((entry) => entry.kind === 'start' && entry.work.untilSignal === victim)
        return started.length === 5
      })
      await run.reaches(process, 'works', () => process.progress > 150)
      run.terminate(process)
      await run.reaches(process, 'stops', () => process.isGone)
      await run.startHere()
      producer.quiet()
      const { report, evidence } = await run.finish()
      expect(report).toBe('')

      const findings = new Findings(evidence)
      const stopping = process.entries().find(({ kind }) => kind === 'stopping')!.at
      const open = findings.starts.filter(
        ({ start, end }) =>
          start.process === victim && start.at < stopping && (end?.at ?? Infinity) > stopping,
      )
      expect(open.length).toBeGreaterThanOrEqual(5)
      for (const { start } of open) {
        const settledHere = process
          .entries()
          .some((entry) => entry.kind === 'settled' && entry.job === start.job && entry.seq === start.seq)
        const handedBack = process
          .entries()
          .some((entry) => entry.kind === 'handedBack' && entry.job === start.job && entry.seq === start.seq)
        expect([settledHere, handedBack]).toContain(true)
        if (handedBack) expect(findings.done(start)).toMatchObject({ attempt: start.attempt })
      }
      const ends = new Map(
        evidence.rows.jobs.map((job) => [findings.workOf(job)?.ref, findings.endOf(job.id)]),
      )
      for (const { ref } of [...interrupted, ...finishing])
        expect(ends.get(ref)).toMatchObject({ attempt: 1, outcome: 10 })
      expect(evidence.rows.done.filter(({ outcome }) => outcome === 3)).toEqual([])
      // A finishing handler could still enqueue.
      const finished = open.filter(
        ({ start }) => start.work.children === 2 && start.work.untilSignal === victim,
      )
      expect(finished).toHaveLength(2)
      for (const { start, end } of finished) {
        expect(end?.how).toBe('returned')
        expect(evidence.rows.jobs.filter(({ parent }) => parent === start.job)).toHaveLength(2)
      }
    } finally {
      await run.dispose()
    }
  },
)
