import { describe, expect, test } from 'vitest'
import { afterGivenUp } from '../../rules/decide.ts'
import type { Decision, NextExecution } from '../../rules/decision.ts'
import { jobFinalizerSeq, type Claimed } from '../../rules/execution.ts'
import { statusOf } from '../../rules/job-status.ts'
import { outcomes } from '../../rules/outcome.ts'
import { phases, type StateChange } from '../../rules/state.ts'
import type { JobStatus } from '../../rules/status.ts'
import type { NewAside } from '../states.ts'
import type { Storage } from '../storage.ts'
import type { StorageTransaction } from '../transaction.ts'
import {
  application,
  Bench,
  decision,
  fresh,
  oops,
  pass,
  rescueWith,
  spent,
  standing,
  type Leased,
} from './fixtures.ts'
import type { Open } from './subject.ts'

const stateFor = (seq: number, change: Partial<StateChange> = {}): StateChange => ({
  seq,
  data: `{"at": ${seq}, "text": "ü'\\"\\\\\\u0001"}`,
  phase: phases.chunks,
  total: 1_000,
  processed: seq * 200 - 200,
  failed: 0,
  chunks: seq - 1,
  totalChunks: 5,
  errors: 0,
  scope: 200,
  error: null,
  pace: 0.25,
  spread: null,
  ...change,
})

const nextOf = (seq: number, change: Partial<NextExecution> = {}): NextExecution => ({
  seq,
  attempt: 1,
  care: 0,
  when: { ready: true },
  ...change,
})

/** The chunk is through, and the next one follows. */
function goOn(run: Claimed, change: Partial<Decision> = {}): Decision {
  const seq = run.seq + 1
  return decision(run, outcomes.succeeded, { next: [nextOf(seq)], state: stateFor(seq), ...change })
}

export function state(open: Open): void {
  describe('the state of a job of several executions', () => {
    const bench = new Bench(open)
    const several = { options: { several: true } } as const

    const take = async ({ lane, worker }: Pick<Leased, 'lane' | 'worker'>): Promise<Claimed> =>
      (await bench.take(worker, lane)).members[0]!
    const status = async (job: string): Promise<JobStatus> =>
      statusOf((await bench.record(job)).facts, { paused: false, known: true }).status
    /** One job of which the start has been settled. */
    const begun = async (options: object = {}): Promise<Leased> => {
      const leased = await bench.leased(1, { options: { ...several.options, ...options } })
      await bench.settle([goOn(leased.run)])
      return leased
    }

    test('is written with the settle, replaced as a whole, and read by the next one', async () => {
      const leased = await bench.leased(1, several)
      const { job } = leased.run
      expect(await bench.storage.states.get(job)).toBeNull()
      expect((await bench.record(job)).state).toBeNull()
      expect(await status(job)).toBe('Preparing')
      await bench.settle([goOn(leased.run)])
      expect(await bench.storage.states.get(job)).toEqual({
        ...stateFor(1),
        failure: null,
        aborting: false,
        held: false,
      })
      const run = await take(leased)
      expect(run).toMatchObject({ job, seq: 1, attempt: 1 })
      const change = stateFor(2, {
        phase: phases.finish,
        total: null,
        totalChunks: null,
        error: oops,
        errors: 1,
      })
      await bench.settle([goOn(run, { state: change })])
      expect(await bench.storage.states.get(job)).toMatchObject(change)
      const { state: view, error } = await bench.record(job)
      expect(view).toMatchObject({ phase: phases.finish, total: null, processed: 200, errors: 1, pace: 0.25 })
      expect(view!.updatedAt).toBeGreaterThanOrEqual(view!.begunAt)
      expect(error).toEqual(oops)
      expect(await bench.told(job)).toEqual(['1/1 succeeded', '0/1 succeeded'])
    })

    test('is written in a handler’s transaction with its writes, or not at all', async () => {
      const leased = await begun()
      const { job } = leased.run
      const run = await take(leased)
      const token = fresh('token')
      await bench.transaction(
        async (tx) => {
          expect(await tx.states.get(job)).toMatchObject({ seq: 1 })
          await tx.states.addAsides(job, [aside()])
          expect(await tx.settle(goOn(run))).toBe('settled')
          expect(await tx.states.get(job)).toMatchObject({ seq: 2 })
        },
        { token, idleTimeoutMs: 10_000, writeTimeoutMs: 10_000 },
      )
      expect(await bench.storage.states.get(job)).toMatchObject({ seq: 1 })
      expect(await bench.storage.states.asides(job, { from: 0, limit: 10 })).toEqual([])
      expect(await bench.place(job)).toBe('started')
      await bench.transaction(
        async (tx) => {
          expect(await tx.settle(goOn(run))).toBe('settled')
          await tx.commit()
        },
        { token, idleTimeoutMs: 10_000, writeTimeoutMs: 10_000 },
      )
      expect(await bench.storage.states.get(job)).toMatchObject({ seq: 2 })
      expect(await bench.place(job)).toBe('ready')
    })

    test('is fenced: a late settle of a lease that fell changes nothing', async () => {
      const leased = await begun()
      const run = await take(leased)
      await bench.kill(leased.worker)
      await bench.storage.workers.rescueLease(leased.worker, run.lease, rescueWith(3))
      expect(await bench.settle([goOn(run)])).toEqual([run.lease])
      const late = await bench.transaction((tx) => tx.settle(goOn(run))).catch(() => 'refused')
      expect(['fenced', 'refused']).toContain(late)
      expect(await bench.storage.states.get(run.job)).toMatchObject({ seq: 1 })
      expect(await bench.told(run.job)).toEqual(['1/1 lost', '0/1 succeeded'])
    })

    test('says Processing between chunks: ready, claimed, waiting; lists and counts agree', async () => {
      const leased = await begun()
      const { job } = leased.run
      const filter = { tenant: leased.lane.tenant }
      const agree = async (wanted: JobStatus): Promise<void> => {
        expect(await status(job)).toBe(wanted)
        for (const one of ['Queued', 'Preparing', 'Processing', 'Completed'] as const) {
          const page = await bench.storage.history.list(
            { ...filter, status: one },
            { before: null, limit: 9 },
          )
          expect(page.jobs.map(({ id }) => id)).toEqual(one === wanted ? [job] : [])
          expect((await bench.storage.history.counts(filter))[one]).toBe(one === wanted ? 1 : 0)
        }
      }
      await agree('Processing')
      const held = (await bench.take(leased.worker, leased.lane, { free: 0 })).members[0]!
      await agree('Processing')
      await bench.settle([], standing(held.lease, [0]))
      await agree('Processing')
      const retry = { ...nextOf(1, { attempt: 2 }), when: { dueInMs: 60_000, reason: 'retrying' } } as const
      await bench.settle([decision(held, outcomes.retried, { error: oops, next: [retry] })])
      expect(await bench.place(job)).toBe('waiting')
      await agree('Processing')
    })

    test('says Preparing while the start runs, and Queued before', async () => {
      const lane = await bench.lane()
      const [job] = await bench.enqueue(lane, [several])
      const worker = await bench.worker()
      const filter = { tenant: lane.tenant }
      expect(await status(job!.id)).toBe('Queued')
      expect(await bench.storage.history.counts(filter)).toMatchObject({ Queued: 1, Preparing: 0 })
      await bench.take(worker, lane)
      expect(await status(job!.id)).toBe('Preparing')
      expect(await bench.storage.history.counts(filter)).toMatchObject({
        Queued: 0,
        Preparing: 1,
        Processing: 0,
        Completed: 0,
      })
      const page = await bench.storage.history.list(
        { ...filter, status: 'Preparing' },
        { before: null, limit: 9 },
      )
      expect(page.jobs.map(({ id }) => id)).toEqual([job!.id])
    })

    test('tells the error of the chunk it is for, and the abort that was asked for', async () => {
      const leased = await begun()
      const run = await take(leased)
      await bench.settle([decision(run, outcomes.gaveUp, { error: oops, next: [afterGivenUp(run)] })])
      expect(await bench.storage.states.get(run.job)).toMatchObject({
        seq: 1,
        failure: oops,
        aborting: false,
      })
      expect(await take(leased)).toMatchObject({ seq: 2, attempt: 1, care: 0 })
      expect(await bench.storage.executions.abort(run.job)).toBe('requested')
      expect(await bench.storage.states.get(run.job)).toMatchObject({ aborting: true })
    })

    test('a chunk whose process died comes again; after three deaths it is given up and the next execution is ready', async () => {
      const leased = await begun({ finalizer: true })
      for (const seqs of [['1/1'], ['1/1', '1/2'], ['1/1', '1/2', '1/3']]) {
        const worker = await bench.worker()
        const { lease, members } = await bench.take(worker, leased.lane)
        expect(members).toMatchObject([{ seq: 1, attempt: seqs.length }])
        await bench.settle([], standing(lease, [0]))
        await bench.kill(worker)
        await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      }
      expect(await bench.told(leased.run.job)).toEqual([
        '1/1 lost',
        '1/2 lost',
        '1/3 gaveUp',
        '0/1 succeeded',
      ])
      expect(await bench.storage.states.get(leased.run.job)).toMatchObject({
        seq: 1,
        failure: { code: 'MILL_PARKED' },
      })
      expect(await take(leased)).toMatchObject({ seq: 2, attempt: 1, care: 0 })
    })

    test('an abort between chunks ends the job there, with one finalizer that is told of the end', async () => {
      const { run, lane } = await begun({ finalizer: true })
      expect(await bench.storage.executions.abort(run.job)).toBe('aborted')
      expect(await bench.told(run.job)).toEqual(['1/1 aborted', '0/1 succeeded'])
      const { members } = await bench.take(await bench.worker(), lane)
      expect(members).toMatchObject([{ seq: jobFinalizerSeq, attempt: 1 }])
      const [ended] = await bench.storage.executions.ended([
        { job: run.job, seq: 0, attempt: -jobFinalizerSeq },
      ])
      expect(ended).toMatchObject({ outcome: outcomes.aborted })
      expect(await status(run.job)).toBe('Aborted')
    })

    test('ends with the decision that ends it, with errors if it says so, and goes with its job', async () => {
      const leased = await begun()
      const run = await take(leased)
      const { storage } = bench
      await storage.states.putPage(run.job, run.lease, 0, '[1]')
      await storage.states.addAsides(run.job, [aside()])
      const last = stateFor(2, { errors: 1, error: oops })
      await bench.settle([decision(run, outcomes.completedWithErrors, { state: last, error: oops })])
      const { state: view, error, facts } = await bench.record(run.job)
      expect([view?.errors, error, facts.ended]).toEqual([1, oops, outcomes.completedWithErrors])
      const page = await storage.history.list(
        { tenant: leased.lane.tenant, status: 'Completed' },
        { before: null, limit: 9 },
      )
      expect(page.jobs.map(({ id }) => id)).toEqual([run.job])
      await pass(storage, 5)
      while (!(await storage.history.prune({ completedMs: 0, failedMs: 0, page: 1_000 })).wrapped);
      expect(await storage.history.jobs([run.job])).toEqual([])
      expect(await storage.states.get(run.job)).toBeNull()
      expect(await storage.states.page(run.job, run.lease, 0)).toBeNull()
      expect(await storage.states.asides(run.job, { from: 0, limit: 9 })).toEqual([])
    })

    test('pages come back letter by letter, those of each lease apart', async () => {
      const { states } = bench.storage
      const { run } = await begun()
      const text = JSON.stringify([{ a: 'ü"\\{},', b: null }, 'x'.repeat(300_000)])
      await states.putPage(run.job, 1, 0, text)
      await states.putPage(run.job, 2, 0, '[]')
      expect(await states.page(run.job, 1, 0)).toBe(text)
      expect(await states.page(run.job, 2, 0)).toBe('[]')
      expect(await states.page(run.job, 1, 1)).toBeNull()
      expect(await states.putPage(run.job, 2, 0, '[1]').catch(() => 'refused')).toBe('refused')
      expect(await states.page(run.job, 2, 0)).toBe('[]')
    })

    test('a start that was frozen before anybody saw it begin replaces no page of the one that runs instead', async () => {
      const { states, workers } = bench.storage
      const frozen = await bench.leased(1, several, { free: 0 })
      await states.putPage(frozen.run.job, frozen.lease, 0, '["old"]')
      await bench.kill(frozen.worker)
      const rescued = await workers.rescueLease(frozen.worker, frozen.lease, rescueWith(3))
      expect(rescued).toMatchObject({ handedBack: 1 })
      const { run } = frozen
      const again = await take({ lane: frozen.lane, worker: await bench.worker() })
      expect(again).toMatchObject({ job: run.job, seq: run.seq, attempt: run.attempt })
      await states.putPage(again.job, again.lease, 0, '["new 0"]')
      await states.putPage(again.job, again.lease, 1, '["new 1"]')
      await states.putPage(run.job, frozen.lease, 1, '["old 1"]')
      expect(await states.page(again.job, again.lease, 0)).toBe('["new 0"]')
      expect(await states.page(again.job, again.lease, 1)).toBe('["new 1"]')
    })

    test('what is set aside is listed in order, taken by one job at a time, and free again when that has ended', async () => {
      const { states } = bench.storage
      const { run } = await begun()
      const [first, second] = [await bench.leased(1), await bench.leased(1)]
      const odd = aside({ records: '["b\\"{,}"]', count: 3 })
      await states.addAsides(run.job, [odd, aside()])
      const all = await states.asides(run.job, { from: 0, limit: 9 })
      expect(all).toMatchObject([
        { ...odd, number: 0 },
        { ...aside(), number: 1 },
      ])
      expect(await states.takeAsides(run.job, first.run.job)).toEqual({ asides: 2, records: 4 })
      expect(await states.takeAsides(run.job, second.run.job)).toEqual({ asides: 0, records: 0 })
      expect(await states.asides(run.job, { from: 1, limit: 9, by: first.run.job })).toMatchObject([
        { number: 1 },
      ])
      expect(await states.asides(run.job, { from: 0, limit: 9, by: second.run.job })).toEqual([])
      await states.dropAside(run.job, 0)
      await bench.settle([decision(first.run)], spent([decision(first.run)]))
      expect(await states.takeAsides(run.job, second.run.job)).toEqual({ asides: 1, records: 1 })
    })

    test('of what is set aside some may be given, and what was given is nobody else’s', async () => {
      const { states } = bench.storage
      const { run } = await begun()
      const [first, second] = [await bench.leased(1), await bench.leased(1)]
      await states.addAsides(run.job, [aside(), aside({ count: 3 }), aside({ count: 5 })])
      expect(await states.takeAsides(run.job, first.run.job, [1, 7])).toEqual({ asides: 1, records: 3 })
      expect(await states.takeAsides(run.job, first.run.job, [])).toEqual({ asides: 1, records: 3 })
      expect(await states.takeAsides(run.job, second.run.job, [0, 1])).toEqual({ asides: 1, records: 1 })
      expect(await states.takeAsides(run.job, second.run.job)).toEqual({ asides: 2, records: 6 })
      expect((await bench.record(run.job)).state).toMatchObject({ setAside: 9 })
    })

    test('what is set aside again stands under its number; what is added comes after the last', async () => {
      const { states } = bench.storage
      const { run } = await begun()
      await states.addAsides(run.job, [aside(), aside(), aside()])
      const again = aside({ records: '["b"]', tries: 2, error: null, seq: 9, by: run.job })
      await states.replaceAside(run.job, 1, again)
      await states.dropAside(run.job, 0)
      await states.addAsides(run.job, [aside({ records: '["c"]' })])
      expect(await states.asides(run.job, { from: 0, limit: 9 })).toMatchObject([
        { ...again, number: 1 },
        { ...aside(), number: 2 },
        { ...aside({ records: '["c"]' }), number: 3 },
      ])
    })

    test('what several jobs share is written in turns: none writes over another, and what is undone never was', async () => {
      const storages = await bench.several(3)
      const { run } = await begun()
      const turn = async (storage: Storage, commits: boolean): Promise<void> => {
        await bench.transaction(
          async (tx) => {
            const { ended, now, ...state } = (await tx.states.lock(run.job))!
            expect([ended, now > 1_600_000_000_000]).toEqual([false, true])
            const { processed, chunks } = state
            const change = stateFor(1, {
              processed: processed + 2,
              chunks: chunks + 1,
              scope: 50,
              error: oops,
            })
            await tx.states.put(run.job, change)
            expect(await tx.states.lock(run.job)).toMatchObject(change)
            if (commits) await tx.commit()
          },
          application,
          storage,
        )
      }
      const turns = Array.from({ length: 24 }, (_, at) => turn(storages[at % 3]!, at % 4 !== 0))
      await Promise.all(turns)
      expect(await bench.storage.states.get(run.job)).toMatchObject({
        ...{ seq: 1, processed: 36, chunks: 18, scope: 50, error: oops, data: stateFor(1).data },
      })
      expect((await bench.record(run.job)).state).toMatchObject({ processed: 36, scope: 50 })
    })

    test('what waits for its time is due at once when it is hastened, if that commits', async () => {
      const leased = await bench.leased(1, several)
      const { job } = leased.run
      const next = { ...nextOf(1), when: { dueInMs: 3_600_000, reason: 'snoozed' } } as const
      await bench.settle([goOn(leased.run, { next: [next] })])
      await bench.transaction((tx) => tx.states.hasten(job), application)
      await bench.storage.waiting.moveDue(1_000)
      expect(await bench.place(job)).toBe('waiting')
      await bench.transaction(async (tx) => {
        await tx.states.hasten(job)
        await tx.commit()
      }, application)
      await bench.storage.waiting.moveDue(1_000)
      expect(await bench.place(job)).toBe('ready')
      // It waits no more: nothing happens.
      await bench.transaction(async (tx) => {
        await tx.states.hasten(job)
        await tx.commit()
      }, application)
      expect(await bench.place(job)).toBe('ready')
    })

    test('a job that others have a part in is known to have ended, or to be gone', async () => {
      const leased = await begun()
      const { job } = leased.run
      const look = async (id: string): Promise<unknown[]> => {
        let seen: unknown[] = []
        await bench.transaction(async ({ states }) => {
          seen = [await states.hasEnded(id), (await states.lock(id))?.ended]
        }, application)
        return seen
      }
      expect(await look(job)).toEqual([false, false])
      expect(await bench.storage.executions.abort(job)).toBe('aborted')
      expect(await look(job)).toEqual([true, true])
      expect(await look(uuidOf(fresh('job')))).toEqual([true, undefined])
    })

    test('jobs that add to the same one at once, each in its transaction, write over nothing', async () => {
      const [one, two] = await bench.several(2)
      for (let round = 0; round < 10; round += 1) {
        const { run } = await begun()
        const add = async (tx: StorageTransaction, text: string): Promise<void> => {
          await tx.states.addAsides(run.job, [aside({ records: `${text}1` }), aside({ records: `${text}2` })])
          await tx.commit()
        }
        let adding = Promise.resolve()
        await bench.transaction(
          async (tx) => {
            await tx.states.addAsides(run.job, [aside({ records: 'first' })])
            adding = bench.transaction((tx) => add(tx, 'second'), application, two)
            // So many round trips the other is given, to come where it waits.
            for (let trips = 0; trips < round; trips += 1) await bench.storage.now()
            await add(tx, 'first')
          },
          application,
          one,
        )
        await adding
        const all = await bench.storage.states.asides(run.job, { from: 0, limit: 9 })
        expect(all.map(({ number, records }) => [number, records])).toEqual([
          ...[
            [0, 'first'],
            [1, 'first1'],
            [2, 'first2'],
            [3, 'second1'],
            [4, 'second2'],
          ],
        ])
      }
    })
  })
}

/** Of no job. */
const uuidOf = (name: string): string =>
  `01890000-0000-7000-8000-${name.replaceAll(/\D/g, '').padStart(12, '0').slice(-12)}`

const aside = (change: Partial<NewAside> = {}): NewAside => ({
  seq: 3,
  records: '["a"]',
  count: 1,
  error: oops,
  tries: 1,
  by: null,
  ...change,
})
