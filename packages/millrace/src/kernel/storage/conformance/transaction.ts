import { describe, expect, test } from 'vitest'
import { isMillraceError } from '../../rules/errors.ts'
import { outcomes } from '../../rules/outcome.ts'
import type { StorageTransaction } from '../transaction.ts'
import {
  application,
  Bench,
  decision,
  expectError,
  expectRefusal,
  finalizerOf,
  fresh,
  handler,
  newJob,
  oops,
  pass,
  retry,
  spent,
  rescueWith,
} from './fixtures.ts'
import type { Open } from './subject.ts'

export function transaction(open: Open): void {
  statements(open)
  enqueues(open)
  settles(open)
  losses(open)
}

/** A table of the application, in the same database. */
class Notes {
  readonly #bench: Bench
  readonly #table = fresh('note').replace('-', '_')

  private constructor(bench: Bench) {
    this.#bench = bench
  }

  static async on(bench: Bench): Promise<Notes> {
    const notes = new Notes(bench)
    await bench.transaction(async (tx) => {
      await tx.query([`create table ${notes.#table} (word text, number integer)`], [])
      await tx.commit()
    })
    return notes
  }

  async write(tx: StorageTransaction, word: string): Promise<void> {
    await tx.query([`insert into ${this.#table} (word, number) values (`, ', 1)'], [word])
  }

  async words(tx?: StorageTransaction): Promise<unknown[]> {
    const read = async (inside: StorageTransaction): Promise<unknown[]> =>
      (await inside.query([`select word from ${this.#table} order by word`], [])).map((row) => row.word)
    return tx === undefined ? await this.#bench.transaction(read) : await read(tx)
  }
}

function statements(open: Open): void {
  describe('a transaction', () => {
    const bench = new Bench(open)

    test('runs statements with parameters between their segments', async () => {
      await bench.transaction(async (tx) => {
        const text = `it's "x" ; -- \u{1f525} $1 ? :a`
        const rows = await tx.query(['select ', ' as a, ', ' as b, ', ' as c'], [text, 'two', null])
        expect(rows).toEqual([{ a: text, b: 'two', c: null }])
        expect(await tx.query(['select 1 as one where 1 = 0'], [])).toEqual([])
      })
    })

    test('shows its writes to itself, and to others with the commit', async () => {
      const notes = await Notes.on(bench)
      await bench.transaction(async (tx) => {
        await notes.write(tx, 'mine')
        expect(await notes.words(tx)).toEqual(['mine'])
        await tx.commit()
      })
      expect(await notes.words()).toEqual(['mine'])
    })

    test('leaves nothing when it is rolled back, however often', async () => {
      const notes = await Notes.on(bench)
      await bench.transaction(async (tx) => {
        await notes.write(tx, 'never')
        await tx.rollback()
        await tx.rollback()
      })
      expect(await notes.words()).toEqual([])
    })

    test('is over after commit and after rollback', async () => {
      const notes = await Notes.on(bench)
      for (const end of ['commit', 'rollback'] as const) {
        const tx = await bench.storage.begin(application)
        await notes.write(tx, end)
        await tx[end]()
        await expectRefusal(notes.write(tx, 'late'))
        await expectRefusal(tx.enqueue([newJob(await bench.lane())]))
        await tx.rollback()
      }
      expect(await notes.words()).toEqual(['commit'])
    })

    test('may end without having done anything', async () => {
      const one = await bench.storage.begin(application)
      await one.commit()
      const two = await bench.storage.begin(handler())
      await two.rollback()
    })

    test('knows whether it has writes that are not committed: reads are none', async () => {
      const notes = await Notes.on(bench)
      const lane = await bench.lane()
      await bench.transaction(async (tx) => {
        expect(await tx.hasWrites()).toBe(false)
        await tx.query(['select 1'], [])
        await notes.words(tx)
        expect(await tx.hasWrites()).toBe(false)
        await notes.write(tx, 'x')
        expect(await tx.hasWrites()).toBe(true)
      })
      await bench.transaction(async (tx) => {
        await tx.enqueue([newJob(lane)])
        expect(await tx.hasWrites()).toBe(true)
      }, handler())
    })

    test('runs beside another', async () => {
      const notes = await Notes.on(bench)
      await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          bench.transaction(async (tx) => {
            await notes.write(tx, `w${index}`)
            await notes.words(tx)
            await tx.commit()
          }),
        ),
      )
      expect(await notes.words()).toEqual(['w0', 'w1', 'w2', 'w3', 'w4'])
    })

    test.for(['commit', '  COMMIT', 'begin', 'rollback', 'end', '/* a */ commit', '-- a\ncommit', 'commit;'])(
      'refuses %j by hand',
      async (statement) => {
        const notes = await Notes.on(bench)
        await bench.transaction(async (tx) => {
          await notes.write(tx, 'never')
          await expectError(tx.query([statement], []), 'MILL_TRANSACTION_STATEMENT')
        })
        expect(await notes.words()).toEqual([])
      },
    )

    test('does not take a word inside a text for a transaction statement', async () => {
      await bench.transaction(async (tx) => {
        expect(await tx.query(["select 'commit; rollback' as text"], [])).toEqual([
          { text: 'commit; rollback' },
        ])
      })
    })
  })
}

function enqueues(open: Open): void {
  describe('an enqueue in a transaction', () => {
    const bench = new Bench(open)

    test('exists if and only if the transaction commits', async () => {
      const lane = await bench.lane()
      const [kept, lost] = [newJob(lane, { args: [{ path: 'a', value: 'b' }] }), newJob(lane)]
      await bench.transaction(async (tx) => {
        expect(await tx.enqueue([kept])).toEqual([{ kind: 'queued', id: kept.id }])
        await tx.commit()
      })
      await bench.transaction(async (tx) => {
        expect(await tx.enqueue([lost])).toEqual([{ kind: 'queued', id: lost.id }])
      })
      expect(await bench.places([kept.id, lost.id])).toEqual(['ready', 'absent'])
      expect((await bench.take(await bench.worker(), lane)).members.map((one) => one.job)).toEqual([kept.id])
    })

    test('takes delays and many jobs, and answers in their order', async () => {
      const lane = await bench.lane()
      const jobs = Array.from({ length: 50 }, (_, i) =>
        newJob(lane, { due: i % 2 === 0 ? null : { inMs: 60_000 } }),
      )
      await bench.transaction(async (tx) => {
        expect(await tx.enqueue([])).toEqual([])
        expect(await tx.enqueue(jobs)).toEqual(jobs.map((job) => ({ kind: 'queued', id: job.id })))
        await tx.commit()
      })
      expect(await bench.tally(jobs.map((job) => job.id))).toEqual({ ready: 25, waiting: 25 })
    })

    test('commits with the statements around it', async () => {
      const notes = await Notes.on(bench)
      const job = newJob(await bench.lane())
      await bench.transaction(async (tx) => {
        await notes.write(tx, 'a')
        await tx.enqueue([job])
        await notes.write(tx, 'b')
        await tx.commit()
      })
      expect(await notes.words()).toEqual(['a', 'b'])
      expect(await bench.place(job.id)).toBe('ready')
    })
  })
}

function settles(open: Open): void {
  describe('a settle in a transaction', () => {
    const bench = new Bench(open)

    test('commits with its effects; the lease goes with the next group', async () => {
      const notes = await Notes.on(bench)
      const { run, worker, lease, lane } = await bench.leased()
      const child = newJob(lane, { parent: run.job })
      await bench.transaction(async (tx) => {
        await notes.write(tx, 'effect')
        await tx.enqueue([child])
        expect(await tx.settle(decision(run, outcomes.completed, { ms: 2.5, result: '7' }))).toBe('settled')
        await tx.commit()
      }, handler())
      expect(await notes.words()).toEqual(['effect'])
      expect(await bench.places([run.job, child.id])).toEqual(['completed', 'ready'])
      expect(await bench.attempts(run.job)).toMatchObject([{ outcome: outcomes.completed, ms: 2.5, lease }])
      expect((await bench.record(run.job)).result).toBe('7')
      expect(await bench.storage.executions.leases(worker)).toEqual([lease])
      expect(await bench.settle([], spent([run]))).toEqual([])
      expect(await bench.storage.executions.leases(worker)).toEqual([])
    })

    test('leaves nothing when the transaction rolls back', async () => {
      const notes = await Notes.on(bench)
      const { run } = await bench.leased()
      await bench.transaction(async (tx) => {
        await notes.write(tx, 'never')
        const next = [finalizerOf(run)]
        await tx.settle(decision(run, outcomes.failed, { error: oops, result: '1', next }))
      }, handler())
      expect(await notes.words()).toEqual([])
      expect(await bench.place(run.job)).toBe('started')
      expect(await bench.told(run.job)).toEqual([])
      expect(await bench.record(run.job)).toMatchObject({
        error: null,
        result: null,
        facts: { finalizing: false },
      })
      expect(await bench.settle([decision(run)])).toEqual([])
    })

    test('writes error and next executions', async () => {
      const { run } = await bench.leased()
      const more = retry(run, 60_000)
      await bench.transaction(async (tx) => {
        expect(await tx.settle({ ...more, next: [...more.next, finalizerOf(run)] })).toBe('settled')
        await tx.commit()
      }, handler())
      await bench.settle([], spent([run]))
      expect(await bench.attempts(run.job)).toMatchObject([{ outcome: outcomes.retried, error: oops }])
      expect(await bench.record(run.job)).toMatchObject({
        attempt: 2,
        facts: { finalizing: true, ready: false },
      })
      expect(await bench.place(run.job)).toBe('waiting')
    })

    test('is fenced when the lease has fallen, and then the effects go too', async () => {
      const notes = await Notes.on(bench)
      const { run, worker, lease } = await bench.leased(1, {}, { free: 0 })
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      await bench.transaction(async (tx) => {
        await notes.write(tx, 'never')
        expect(
          await tx.settle(decision(run, outcomes.failed, { error: oops, next: [finalizerOf(run)] })),
        ).toBe('fenced')
      }, handler())
      expect(await notes.words()).toEqual([])
      expect(await bench.told(run.job)).toEqual([])
      expect(await bench.place(run.job)).toBe('ready')
    })

    test('writes no row at all when it is fenced, not even if the caller commits', async () => {
      const { run, worker, lease } = await bench.leased(1, {}, { free: 0 })
      await bench.kill(worker)
      await bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
      await bench.transaction(async (tx) => {
        const next = [{ seq: 0, attempt: 2, care: 0, when: { dueInMs: 60_000, reason: 'retrying' } }] as const
        expect(await tx.settle(decision(run, outcomes.failed, { error: oops, result: '1', next }))).toBe(
          'fenced',
        )
        await tx.commit().catch(() => undefined)
      }, handler())
      expect(await bench.told(run.job)).toEqual([])
      expect(await bench.place(run.job)).toBe('ready')
      expect(await bench.record(run.job)).toMatchObject({ error: null, result: null })
    })

    test('ends an abort that was asked for', async () => {
      const { run } = await bench.leased()
      expect(await bench.storage.executions.abort(run.job)).toBe('requested')
      await bench.transaction(async (tx) => {
        await tx.settle(decision(run, outcomes.aborted, { endsAbort: true }))
        await tx.commit()
      }, handler())
      expect((await bench.record(run.job)).facts).toMatchObject({ aborting: false, ended: outcomes.aborted })
      await bench.settle([], spent([run]))
    })

    test('is seen by a rescue that comes meanwhile: it waits for the commit and finds it settled', async () => {
      const { run, worker, lease } = await bench.leased()
      await bench.kill(worker)
      const rescued = await bench.transaction(async (tx) => {
        await tx.settle(decision(run))
        const rescue = bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
        await tx.commit()
        return await rescue
      }, handler())
      expect(rescued).toEqual({ lost: 0, handedBack: 0, parked: 0 })
      expect(await bench.told(run.job)).toEqual(['0/1 completed'])
      expect(await bench.place(run.job)).toBe('completed')
    })

    test('that rolls back leaves its execution to the rescue', async () => {
      const { run, worker, lease } = await bench.leased()
      await bench.kill(worker)
      const rescued = await bench.transaction(async (tx) => {
        await tx.settle(decision(run))
        const rescue = bench.storage.workers.rescueLease(worker, lease, rescueWith(3))
        await tx.rollback()
        return await rescue
      }, handler())
      expect(rescued).toEqual({ lost: 1, handedBack: 0, parked: 0 })
      expect(await bench.told(run.job)).toEqual(['0/1 lost'])
    })
  })
}

function losses(open: Open): void {
  describe('a transaction that the database lost', () => {
    const bench = new Bench(open)

    test('does not commit half of what it did after a failed statement', async () => {
      const notes = await Notes.on(bench)
      await bench.transaction(async (tx) => {
        await notes.write(tx, 'before')
        await expectRefusal(tx.query(['select * from there_is_no_such_table'], []))
        // On PostgreSQL the transaction cannot commit any more (trap 2); on SQLite only the statement failed.
        if (bench.storage.kind === 'postgres') await expectError(tx.commit(), 'MILL_TRANSACTION_LOST')
        else await tx.commit()
      })
      expect(await notes.words()).toEqual(bench.storage.kind === 'postgres' ? [] : ['before'])
    })

    test('refuses everything, with the cause, once it was open for too long', async () => {
      const notes = await Notes.on(bench)
      const lane = await bench.lane()
      const { run } = await bench.leased()
      const tx = await bench.storage.begin({ token: 't', idleTimeoutMs: 40, writeTimeoutMs: 40 })
      try {
        await notes.write(tx, 'never')
        await pass(bench.storage, 200)
        const first = await thrown(notes.write(tx, 'late'))
        expect(first).toMatchObject({ code: 'MILL_TRANSACTION_LOST' })
        if (bench.storage.kind === 'sqlite') {
          expect(isMillraceError(first) && first.cause).toMatchObject({ code: 'MILL_WRITE_TIMEOUT' })
        }
        await expectError(tx.enqueue([newJob(lane)]), 'MILL_TRANSACTION_LOST')
        await expectError(tx.settle(decision(run)), 'MILL_TRANSACTION_LOST')
        await expectError(tx.commit(), 'MILL_TRANSACTION_LOST')
      } finally {
        await tx.rollback()
      }
      expect(await notes.words()).toEqual([])
      expect(await bench.told(run.job)).toEqual([])
      expect(await bench.enqueue(lane, 1)).toHaveLength(1)
    })
  })
}

async function thrown(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  )
}
