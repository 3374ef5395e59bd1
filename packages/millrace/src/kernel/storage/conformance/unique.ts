import { describe, expect, test } from 'vitest'
import { outcomes } from '../../rules/outcome.ts'
import type { UniqueUntil } from '../../rules/unique.ts'
import { Bench, decision, pass, retry } from './fixtures.ts'
import type { Open } from './subject.ts'
import { type Key, keyOn, patient } from './unique-key.ts'

export function unique(open: Open): void {
  taken(open)
  freed(open)
  mixed(open)
  replaced(open)
}

function taken(open: Open): void {
  describe('a unique key', () => {
    const bench = new Bench(open)

    test('lets the first through', async () => {
      const key = await keyOn(bench)
      const { id, outcome } = await key.enqueue('done')
      expect(outcome).toEqual({ kind: 'queued', id })
      expect(await bench.place(id)).toBe('ready')
    })

    test.for(['throw', 'return'] as const)(
      'names its holder to a second (%s), and writes nothing',
      async (on) => {
        const key = await keyOn(bench)
        const first = await key.enqueue('done')
        const second = await key.enqueue('done', on, { args: [{ path: 'a', value: '1' }] })
        expect(second.outcome).toEqual({ kind: 'duplicate', holder: first.id })
        expect(await bench.places([first.id, second.id])).toEqual(['ready', 'absent'])
        expect((await bench.take(await bench.worker(), key.lane)).members).toHaveLength(1)
      },
    )

    test('is its own holder when the same enqueue comes again', async () => {
      for (const on of ['throw', 'return', 'replace'] as const) {
        const key = await keyOn(bench)
        const job = key.job('done', on)
        expect(await bench.storage.jobs.enqueueAlone(job, patient)).toEqual({ kind: 'queued', id: job.id })
        expect(await bench.storage.jobs.enqueueAlone(job, patient)).toEqual({ kind: 'queued', id: job.id })
        expect((await bench.take(await bench.worker(), key.lane)).members.map((one) => one.job)).toEqual([
          job.id,
        ])
        expect(await bench.place(job.id)).toBe('started')
      }
    })

    test('says queued again when its job has started meanwhile, and does not queue it', async () => {
      const key = await keyOn(bench)
      const job = key.job('started')
      await bench.storage.jobs.enqueueAlone(job, patient)
      const worker = await bench.worker()
      await bench.take(worker, key.lane)
      expect(await bench.storage.jobs.enqueueAlone(job, patient)).toEqual({ kind: 'queued', id: job.id })
      expect(await bench.claim(worker, key.lane)).toBeNull()
    })

    test('does not hold up other keys', async () => {
      const [one, two] = [await keyOn(bench), await keyOn(bench)]
      expect((await one.enqueue('done')).outcome.kind).toBe('queued')
      expect((await two.enqueue('done')).outcome.kind).toBe('queued')
    })

    test('waits like any job when it is delayed', async () => {
      const key = await keyOn(bench)
      const first = await key.enqueue('started', 'return', { due: { inMs: 60_000 } })
      expect(await bench.place(first.id)).toBe('waiting')
      expect((await key.enqueue('started')).outcome).toEqual({ kind: 'duplicate', holder: first.id })
    })

    test('until done stays taken while the job is claimed and while it retries', async () => {
      const key = await keyOn(bench)
      const { id, run } = await key.started('done')
      expect((await key.enqueue('done')).outcome).toEqual({ kind: 'duplicate', holder: id })
      await bench.settle([retry(run, 60_000)])
      expect((await key.enqueue('done')).outcome).toEqual({ kind: 'duplicate', holder: id })
    })

    test('until a time stays taken for that time, though the job has ended (throttle)', async () => {
      const key = await keyOn(bench)
      const { id, run } = await key.started({ ms: 60_000 })
      await bench.settle([decision(run)])
      expect((await key.enqueue({ ms: 60_000 })).outcome).toEqual({ kind: 'duplicate', holder: id })
    })

    test('until a time stays taken while the job waits', async () => {
      const key = await keyOn(bench)
      const first = await key.enqueue({ ms: 60_000 })
      expect((await key.enqueue({ ms: 60_000 })).outcome).toEqual({ kind: 'duplicate', holder: first.id })
    })
  })
}

function freed(open: Open): void {
  describe('a unique key is free', () => {
    const bench = new Bench(open)
    const passes = async (key: Key, until: UniqueUntil = 'done'): Promise<void> => {
      const { id, outcome } = await key.enqueue(until)
      expect(outcome).toEqual({ kind: 'queued', id })
      expect(await bench.place(id)).toBe('ready')
      const later = await key.enqueue(until)
      expect(later.outcome).toEqual({ kind: 'duplicate', holder: id })
    }

    test.for(['completed', 'failed', 'aborted', 'expired', 'parked'] as const)(
      'when its holder ended: %s',
      async (name) => {
        const key = await keyOn(bench)
        const { run } = await key.started('done')
        await bench.settle([decision(run, outcomes[name])])
        await passes(key)
      },
    )

    test('when its holder was aborted before it started', async () => {
      const key = await keyOn(bench)
      const { id } = await key.enqueue('done')
      expect(await bench.storage.executions.abort(id)).toBe('aborted')
      await passes(key)
    })

    test('until started: once its holder is claimed', async () => {
      const key = await keyOn(bench)
      await key.started('started')
      await passes(key, 'started')
    })

    test('until started: also while its holder retries', async () => {
      const key = await keyOn(bench)
      const { run } = await key.started('started')
      await bench.settle([retry(run, 60_000)])
      await passes(key, 'started')
    })

    test('until a time: when that has passed, though its holder still waits', async () => {
      const key = await keyOn(bench)
      const first = await key.enqueue({ ms: 1 })
      await pass(bench.storage, 2)
      await passes(key, { ms: 60_000 })
      expect(await bench.place(first.id)).toBe('ready')
    })

    test('when its holder was pruned', async () => {
      const key = await keyOn(bench)
      const { run } = await key.started('done')
      await bench.settle([decision(run)])
      await pass(bench.storage, 2)
      for (let wraps = 0; wraps < 2;) {
        const step = await bench.storage.history.prune({ completedMs: 0, failedMs: 0, page: 1_000 })
        if (step.wrapped) wraps += 1
      }
      await passes(key)
    })
  })
}

function mixed(open: Open): void {
  describe('two ways to end under one unique key: the holder’s counts', () => {
    const bench = new Bench(open)
    const hour = { ms: 3_600_000 }
    const untils: readonly UniqueUntil[] = ['started', 'done', hour]
    const pairs = untils.flatMap((holder) => untils.map((newcomer) => ({ holder, newcomer })))

    test.for(pairs)('holder $holder, newcomer $newcomer', async ({ holder, newcomer }) => {
      const unstarted = await keyOn(bench)
      const first = await unstarted.enqueue(holder)
      expect((await unstarted.enqueue(newcomer)).outcome).toEqual({ kind: 'duplicate', holder: first.id })

      for (const on of ['return', 'replace'] as const) {
        const started = await keyOn(bench)
        const { id } = await started.started(holder)
        const second = await started.enqueue(newcomer, on)
        const free = { kind: 'queued', id: second.id }
        expect(second.outcome).toEqual(holder === 'started' ? free : { kind: 'duplicate', holder: id })
      }

      const ended = await keyOn(bench)
      const { id, run } = await ended.started(holder)
      await bench.settle([decision(run)])
      const third = await ended.enqueue(newcomer)
      const free = { kind: 'queued', id: third.id }
      expect(third.outcome).toEqual(holder === hour ? { kind: 'duplicate', holder: id } : free)
    })

    test('whoever replaces the holder says anew how long', async () => {
      const key = await keyOn(bench)
      await key.enqueue('done')
      const second = await key.enqueue('started', 'replace')
      expect(second.outcome.kind).toBe('replaced')
      await bench.take(await bench.worker(), key.lane)
      expect((await key.enqueue('done')).outcome.kind).toBe('queued')
    })
  })
}

function replaced(open: Open): void {
  describe('on: replace', () => {
    const bench = new Bench(open)

    test('takes the place of a job that has not started, which ends as replaced', async () => {
      const key = await keyOn(bench)
      const first = await key.enqueue('done', 'replace')
      const second = await key.enqueue('done', 'replace', { payload: '"newer"' })
      expect(second.outcome).toEqual({ kind: 'replaced', id: second.id, ended: first.id })
      expect(await bench.places([first.id, second.id])).toEqual(['replaced', 'ready'])
      expect(await bench.told(first.id)).toEqual(['0/1 replaced'])
      expect((await bench.record(first.id)).facts.finalizing).toBe(false)
      const { members } = await bench.take(await bench.worker(), key.lane)
      expect(members.map((one) => one.payload)).toEqual(['"newer"'])
    })

    test('pushes a delayed job out (debounce), again and again', async () => {
      const key = await keyOn(bench)
      const later = { due: { inMs: 60_000 } }
      const first = await key.enqueue('started', 'replace', later)
      const second = await key.enqueue('started', 'replace', later)
      const third = await key.enqueue('started', 'replace', later)
      expect(third.outcome).toEqual({ kind: 'replaced', id: third.id, ended: second.id })
      expect(await bench.places([first.id, second.id, third.id])).toEqual(['replaced', 'replaced', 'waiting'])
    })

    test('gives the replaced job its finalizer', async () => {
      const key = await keyOn(bench)
      const first = await key.enqueue('done', 'replace', { options: { finalizer: true } })
      await key.enqueue('done', 'replace')
      expect((await bench.record(first.id)).facts).toMatchObject({
        ended: outcomes.replaced,
        finalizing: true,
      })
      const { members } = await bench.take(await bench.worker(), key.lane)
      expect(members).toMatchObject([{ job: first.id, seq: -1, attempt: 1 }, { seq: 0 }])
    })

    test('leaves a started job alone: until done it is a duplicate', async () => {
      const key = await keyOn(bench)
      const { id, run } = await key.started('done')
      const second = await key.enqueue('done', 'replace')
      expect(second.outcome).toEqual({ kind: 'duplicate', holder: id })
      expect(await bench.places([id, second.id])).toEqual(['started', 'absent'])
      await bench.settle([retry(run, 60_000)])
      expect((await key.enqueue('done', 'replace')).outcome).toEqual({ kind: 'duplicate', holder: id })
      expect(await bench.place(id)).toBe('waiting')
    })

    test('leaves a started job alone: until started it queues beside it', async () => {
      const key = await keyOn(bench)
      const { id } = await key.started('started')
      const second = await key.enqueue('started', 'replace')
      expect(second.outcome).toEqual({ kind: 'queued', id: second.id })
      expect(await bench.places([id, second.id])).toEqual(['started', 'ready'])
    })

    test('finds the key free after its holder ended', async () => {
      const key = await keyOn(bench)
      const { run } = await key.started('done')
      await bench.settle([decision(run)])
      const second = await key.enqueue('done', 'replace')
      expect(second.outcome).toEqual({ kind: 'queued', id: second.id })
      expect(await bench.place(run.job)).toBe('completed')
    })

    test('does nothing to a key that nobody holds', async () => {
      const key = await keyOn(bench)
      const { id, outcome } = await key.enqueue('done', 'replace')
      expect(outcome).toEqual({ kind: 'queued', id })
    })
  })
}
