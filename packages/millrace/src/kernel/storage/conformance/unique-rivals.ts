import { describe, expect, test } from 'vitest'
import { Bench, breath, decision, expectError, newJob, pass, type JobChange } from './fixtures.ts'
import type { NewJob } from '../jobs.ts'
import type { Open } from './subject.ts'
import { type Key, keyOn, patient } from './unique-key.ts'

export function uniqueRivals(open: Open): void {
  rivals(open)
  heldRows(open)
}

function heldRows(open: Open): void {
  describe('a row that a duplicate holds until its transaction ends', () => {
    const bench = new Bench(open)
    /** What `ask` answers beside the open transaction: PostgreSQL at once, passing over the row; SQLite once it may write. */
    const beside = async <T>(change: JobChange, ask: (job: NewJob, key: Key) => Promise<T>) => {
      const key = await keyOn(bench)
      const job = key.job('started', 'return', change)
      await bench.storage.jobs.enqueueAlone(job, patient)
      await pass(bench.storage, 5)
      const answer = await bench.transaction(async (tx) => {
        expect(await tx.enqueue([key.job('started')])).toEqual([{ kind: 'duplicate', holder: job.id }])
        const early = ask(job, key)
        if (bench.storage.kind === 'postgres') await early
        await tx.commit()
        return await early
      })
      return { job, key, answer, passedOver: bench.storage.kind === 'postgres' }
    }

    test('is not claimed: the holder of the key starts only afterwards', async () => {
      const worker = await bench.worker()
      const { job, key, answer, passedOver } = await beside(
        {},
        async (_, { lane }) => await bench.claim(worker, lane),
      )
      expect(answer === null).toBe(passedOver)
      const claimed = answer ?? (await bench.claim(worker, key.lane))
      expect(claimed?.members.map((one) => one.job)).toEqual([job.id])
    })

    test('is not moved, nor waited for, when it is due', async () => {
      const { job, answer, passedOver } = await beside(
        { due: { inMs: 1 } },
        async () => await bench.storage.waiting.moveDue(500),
      )
      expect(answer.moved).toBe(passedOver ? 0 : 1)
      await bench.awaitReady(job.id)
    })

    test.for([null, { inMs: 60_000 }])('is aborted afterwards (due: %j)', async (due) => {
      const { job, answer, passedOver } = await beside(
        { due },
        async (one) => await bench.storage.executions.abort(one.id),
      )
      expect(answer).toBe(passedOver ? 'requested' : 'aborted')
      expect(await bench.storage.executions.sweepAborts()).toEqual([])
      expect(await bench.place(job.id)).toBe('aborted')
      expect((await bench.record(job.id)).facts.aborting).toBe(false)
    })
  })
}

function rivals(open: Open): void {
  describe('rivals for a unique key', () => {
    const bench = new Bench(open)

    test('one of many gets it, the others are told who', async () => {
      const key = await keyOn(bench)
      const processes = await bench.several(4)
      const jobs = Array.from({ length: 20 }, () => key.job('done'))
      const answers = await Promise.all(
        jobs.map((job, index) => processes[index % 4]!.jobs.enqueueAlone(job, patient)),
      )
      const winners = answers.filter((answer) => answer.kind === 'queued')
      expect(winners).toHaveLength(1)
      const holder = winners[0]!.id
      expect(
        answers.filter((answer) => answer.kind === 'duplicate' && answer.holder === holder),
      ).toHaveLength(19)
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 1, absent: 19 })
    })

    test('one of many takes over a key whose holder ended', async () => {
      const processes = await bench.several(4)
      for (let round = 0; round < 5; round += 1) {
        const key = await keyOn(bench)
        const { run } = await key.started('done')
        await bench.settle([decision(run)])
        const jobs = Array.from({ length: 8 }, () => key.job('done'))
        const answers = await Promise.all(
          jobs.map((job, index) => processes[index % 4]!.jobs.enqueueAlone(job, patient)),
        )
        expect(answers.filter((answer) => answer.kind === 'queued')).toHaveLength(1)
        expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 1, absent: 7 })
      }
    })

    test('one of many queues after a holder that started, and the others are told who', async () => {
      const processes = await bench.several(4)
      for (let round = 0; round < 5; round += 1) {
        const key = await keyOn(bench)
        await key.started('started')
        const jobs = Array.from({ length: 8 }, () => key.job('started'))
        const answers = await Promise.all(
          jobs.map((job, index) => processes[index % 4]!.jobs.enqueueAlone(job, patient)),
        )
        const queued = answers.flatMap((answer) => (answer.kind === 'queued' ? [answer.id] : []))
        expect(queued).toHaveLength(1)
        for (const answer of answers) if (answer.kind === 'duplicate') expect(queued).toContain(answer.holder)
        expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 1, absent: 7 })
      }
    })

    test('the last of many replaces is the only one that runs', async () => {
      const key = await keyOn(bench)
      const processes = await bench.several(4)
      const jobs = Array.from({ length: 20 }, () => key.job('done', 'replace'))
      await Promise.all(jobs.map((job, index) => processes[index % 4]!.jobs.enqueueAlone(job, patient)))
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 1, replaced: 19 })
      expect((await bench.take(await bench.worker(), key.lane)).members).toHaveLength(1)
    })

    test('a second waits for the first and gets the key when that rolls back', async () => {
      const key = await keyOn(bench)
      const [first, second] = [key.job('done'), key.job('done')]
      const answer = await bench.transaction(async (tx) => {
        expect(await tx.enqueue([first])).toEqual([{ kind: 'queued', id: first.id }])
        const waits = bench.storage.jobs.enqueueAlone(second, patient)
        await breath()
        await tx.rollback()
        return await waits
      })
      expect(answer).toEqual({ kind: 'queued', id: second.id })
      expect(await bench.places([first.id, second.id])).toEqual(['absent', 'ready'])
    })

    test('a second waits for the first and is a duplicate when that commits', async () => {
      const key = await keyOn(bench)
      const [first, second] = [key.job('done'), key.job('done')]
      const answer = await bench.transaction(async (tx) => {
        await tx.enqueue([first])
        const waits = bench.storage.jobs.enqueueAlone(second, patient)
        await breath()
        await tx.commit()
        return await waits
      })
      expect(answer).toEqual({ kind: 'duplicate', holder: first.id })
      expect(await bench.places([first.id, second.id])).toEqual(['ready', 'absent'])
    })

    test('a second gives up when the first stays open for too long, and leaves nothing', async () => {
      const key = await keyOn(bench)
      const [first, second] = [key.job('done'), key.job('done')]
      await bench.transaction(async (tx) => {
        await tx.enqueue([first])
        await expectError(bench.storage.jobs.enqueueAlone(second, 30), 'MILL_UNIQUE_BUSY')
        await tx.commit()
      })
      expect(await bench.places([first.id, second.id])).toEqual(['ready', 'absent'])
    })

    test('a transaction is answered job by job', async () => {
      const [one, two] = [await keyOn(bench), await keyOn(bench)]
      const held = await one.enqueue('done')
      const jobs = [two.job('done'), newJob(two.lane), one.job('done'), one.job('done', 'replace')]
      const outcomes = await bench.transaction(async (tx) => {
        const answers = await tx.enqueue(jobs)
        await tx.commit()
        return answers
      })
      expect(outcomes).toEqual([
        { kind: 'queued', id: jobs[0]!.id },
        { kind: 'queued', id: jobs[1]!.id },
        { kind: 'duplicate', holder: held.id },
        { kind: 'replaced', id: jobs[3]!.id, ended: held.id },
      ])
      expect(await bench.places(jobs.map((job) => job.id))).toEqual(['ready', 'ready', 'absent', 'ready'])
      expect(await bench.place(held.id)).toBe('replaced')
    })

    test('a rolled back replace leaves the first as it was', async () => {
      const key = await keyOn(bench)
      const first = await key.enqueue('done', 'return', { options: { finalizer: true } })
      const second = key.job('done', 'replace')
      await bench.transaction(async (tx) => {
        expect(await tx.enqueue([second])).toEqual([{ kind: 'replaced', id: second.id, ended: first.id }])
      })
      expect(await bench.places([first.id, second.id])).toEqual(['ready', 'absent'])
      expect(await bench.told(first.id)).toEqual([])
      expect((await bench.record(first.id)).facts.finalizing).toBe(false)
      expect((await key.enqueue('done')).outcome).toEqual({ kind: 'duplicate', holder: first.id })
    })
  })
}
