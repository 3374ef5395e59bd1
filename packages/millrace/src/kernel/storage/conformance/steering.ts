import { describe, expect, test } from 'vitest'
import type { ExecutionRow } from '../../rules/execution.ts'
import { statusOf } from '../../rules/job-status.ts'
import { outcomes } from '../../rules/outcome.ts'
import { phases, type StateChange } from '../../rules/state.ts'
import type { Steering } from '../steering.ts'
import { application, Bench, decision, handler, spent } from './fixtures.ts'
import type { Open } from './subject.ts'

const change = (seq: number): StateChange => ({
  ...{
    seq,
    data: '{"text": "ü\'\\""}',
    phase: phases.steps,
    total: 450,
    processed: 200,
    failed: 0,
    chunks: 1,
  },
  ...{ totalChunks: 3, errors: 0, scope: null, error: null, pace: null, spread: null },
})

export function steering(open: Open): void {
  describe('what an operator does to one job', () => {
    const bench = new Bench(open)

    const steer = async <T>(work: (steering: Steering) => Promise<T>): Promise<T> => {
      let answer: T | undefined
      await bench.transaction(async (tx) => {
        answer = await work(tx.steering)
        await tx.commit()
      }, application)
      return answer as T
    }
    const queued = async (due: number | null = null) => {
      const lane = await bench.lane()
      const [job] = await bench.enqueue(lane, [due === null ? {} : { due: { inMs: due } }])
      return { lane, job: job!.id }
    }
    const substatus = async (job: string): Promise<string> =>
      statusOf((await bench.record(job)).facts, { paused: false, known: true }).substatus
    const rowOf = ({ queued: row }: { readonly queued: ExecutionRow | null }): ExecutionRow => row!

    test('a queued job is taken out and put back as another execution, with its state', async () => {
      const { lane, job } = await queued()
      await steer(async (steering) => {
        const found = await steering.take(job)
        expect(found).toMatchObject({
          ...{ state: null, ended: null, hold: null },
          queued: { job, lane: lane.id, seq: 0, attempt: 1, care: 0, due: null },
        })
        expect(Math.abs(found!.now - (await bench.storage.now()))).toBeLessThan(5_000)
        await steering.putState(job, change(1))
        await steering.put({ ...rowOf(found!), seq: 1 }, { ready: true })
      })
      expect(await bench.storage.states.get(job)).toMatchObject({ ...change(1), held: false })
      await steer(async (steering) => {
        const found = await steering.take(job)
        expect(found).toMatchObject({ state: change(1), queued: { seq: 1 } })
        await steering.putState(job, change(2))
        await steering.put({ ...rowOf(found!), seq: 2 }, { dueInMs: 60_000, reason: 'scheduled' })
      })
      expect(await bench.storage.states.get(job)).toMatchObject(change(2))
      expect(await substatus(job)).toBe('scheduled')
    })

    test('what is not committed changes nothing', async () => {
      const { job } = await queued()
      await bench.transaction(async ({ steering }) => {
        await steering.take(job)
        await steering.hold(job, { by: null, due: null })
        await steering.putState(job, change(1))
      }, application)
      expect(await bench.place(job)).toBe('ready')
      expect(await bench.storage.states.get(job)).toBeNull()
    })

    test('a held one waits without a time, is not moved, and is found with when it was due', async () => {
      const { job } = await queued(60_000)
      await steer(async (steering) => {
        const found = await steering.take(job)
        const due = found!.queued!.due
        expect(due! - found!.now).toBeGreaterThan(30_000)
        expect(await steering.hold(job, { by: 'op', due })).toBe(true)
        expect(await steering.hold(job, { by: 'op', due: null })).toBe(false)
        await steering.put(rowOf(found!), { held: true })
      })
      expect(await substatus(job)).toBe('paused')
      await bench.storage.waiting.moveDue(100)
      await bench.storage.waiting.pump()
      expect(await substatus(job)).toBe('paused')
      await steer(async (steering) => {
        const found = await steering.take(job)
        expect(found!.queued).toMatchObject({ seq: 0, due: null })
        expect(found!.hold!.due! - found!.now).toBeGreaterThan(30_000)
        expect(await steering.isHeld(job)).toBe(true)
        expect([await steering.release(job), await steering.release(job)]).toEqual([true, false])
        expect(await steering.isHeld(job)).toBe(false)
        await steering.put(rowOf(found!), { ready: true })
      })
      expect(await bench.place(job)).toBe('ready')
    })

    test('a held one is aborted as any other that is queued', async () => {
      const { job } = await queued()
      await steer(async (steering) => steering.put(rowOf((await steering.take(job))!), { held: true }))
      expect(await bench.storage.executions.abort(job)).toBe('aborted')
      expect(await steer((steering) => steering.take(job))).toMatchObject({
        ended: outcomes.aborted,
        queued: null,
      })
    })

    test('of one that is claimed, or has ended, there is nothing to take; of none there is no such job', async () => {
      const { run } = await bench.leased(1)
      expect(await steer((steering) => steering.take(run.job))).toMatchObject({ queued: null, ended: null })
      expect(await bench.place(run.job)).toBe('started')
      await bench.settle([decision(run, outcomes.failed)], spent([decision(run)]))
      expect(await steer((steering) => steering.take(run.job))).toMatchObject({
        ...{ queued: null, ended: outcomes.failed },
      })
      expect(await steer((steering) => steering.take('01890000-0000-7000-8000-000000000000'))).toBeNull()
    })

    test('a settle holds the next execution until the job is let go', async () => {
      const { run } = await bench.leased(1, { options: { several: true } })
      const next = [{ seq: 1, attempt: 1, care: 0, when: { held: true } }] as const
      await bench.settle([decision(run, outcomes.succeeded, { next, state: change(1) })])
      expect(await substatus(run.job)).toBe('paused')
    })

    test('what awaits an answer is moved by nobody but who brings it, who may put it back to wait', async () => {
      const { run } = await bench.leased(1, { options: { several: true } })
      const when = { held: true, reason: 'awaiting' } as const
      const next = [{ seq: 1, attempt: 1, care: 0, when }]
      await bench.settle([decision(run, outcomes.succeeded, { next, state: change(1) })])
      await bench.storage.waiting.moveDue(100)
      expect(await substatus(run.job)).toBe('awaiting')
      await steer(async (steering) => steering.put(rowOf((await steering.take(run.job))!), when))
      expect(await substatus(run.job)).toBe('awaiting')
      await steer(async (steering) =>
        steering.put(rowOf((await steering.take(run.job))!), { dueInMs: 60_000, reason: 'awaiting' }),
      )
      expect(await substatus(run.job)).toBe('awaiting')
    })

    test('an execution that sees that it is held keeps who lets it go waiting until it has put itself aside', async () => {
      const [, other] = await bench.several(2)
      const { run } = await bench.leased(1, { options: { several: true } })
      await steer((steering) => steering.hold(run.job, { by: null, due: null }))
      const next = [{ seq: 1, attempt: 1, care: 0, when: { held: true } }] as const
      let released: Promise<unknown> = Promise.resolve()
      await bench.transaction(async (tx) => {
        expect(await tx.steering.isHeld(run.job)).toBe(true)
        released = bench.transaction(
          async (operator) => {
            const { steering } = operator
            const found = await steering.take(run.job)
            await steering.release(run.job)
            if (found!.queued !== null) await steering.put(found!.queued, { ready: true })
            await operator.commit()
          },
          application,
          other,
        )
        await bench.storage.now()
        await tx.settle(decision(run, outcomes.succeeded, { next, state: change(1) }))
        await tx.commit()
      }, handler())
      await released
      expect(await bench.place(run.job)).toBe('ready')
    })
  })
}
