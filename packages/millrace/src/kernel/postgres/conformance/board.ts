import type pg from 'pg'
import { admit } from '../../rules/admit.ts'
import type { Claimed, JobId, Lane, LeaseId, WorkerId } from '../../rules/execution.ts'
import { keyed, newJob } from '../../storage/conformance/fixtures.ts'
import type { PostgresBench, PostgresStorage } from './opened.ts'
import { rowsOf, type Rows } from './sound.ts'

const tables =
  'job ready waiting lease done failure result arg uniq limit_key permit worker abort state set_aside'.split(
    ' ',
  )
const clear = `set synchronous_commit = off;
  ${tables.map((table) => `delete from millrace.${table}`).join('; ')}; delete from effect;
  update millrace.setting set value = '' where name = 'prune_position'`

/** Before any other. */
const oldId = '00000000-0001-7000-8000-000000000001'

/** Rows of every kind that the kernel's statements meet in: what works of two or three processes are let loose on. */
export interface Board {
  /** Of a worker that has died: `run` has begun, `unbegun` has not. Both under the key. */
  readonly dead: WorkerId
  readonly lease: LeaseId
  readonly run: Claimed
  readonly unbegun: Claimed
  /** Waits for the key, which has no slot left. */
  readonly parked: JobId
  /** Ready, and under the key too. */
  readonly gatedReady: JobId
  readonly gated: Lane
  readonly key: number
  /** Lives. Of the two slots of the key `open` it uses one; two more of its jobs are ready. */
  readonly worker: WorkerId
  readonly half: Lane
  readonly open: number
  readonly openRun: Claimed
  readonly plain: Lane
  /** Ready, holds the unique key `started` until it starts. */
  readonly holder: JobId
  /** Ready, holds the unique key `kept` until it ends, and somebody wants it aborted. */
  readonly unwanted: JobId
  /** Waits for a time that has come. */
  readonly due: JobId
  /** Ended long ago, still in the unique key `done`. */
  readonly old: JobId
  readonly jobs: readonly JobId[]
}

/** Builds boards one after another in one database, each on fresh rows. */
export class BoardRoom {
  readonly #bench: PostgresBench
  readonly #storage: PostgresStorage
  readonly #admin: pg.Client
  #lanes: { readonly plain: Lane; readonly gated: Lane; readonly half: Lane } | undefined

  constructor(bench: PostgresBench, storage: PostgresStorage, admin: pg.Client) {
    this.#bench = bench
    this.#storage = storage
    this.#admin = admin
  }

  async board(): Promise<Board> {
    const storage = this.#storage
    await this.#admin.query(clear)
    this.#lanes ??= {
      plain: await this.#bench.lane(),
      gated: await this.#bench.lane({ gated: true }),
      half: await this.#bench.lane({ gated: true }),
    }
    const { plain, gated, half } = this.#lanes
    const [dead, worker] = [
      await this.#bench.worker(60_000, storage),
      await this.#bench.worker(60_000, storage),
    ]
    const rate = { burst: 100, perMs: 0.001 }
    const [key, open] = await storage.limits.define([
      { name: 'key', slots: 2, rate, perProcess: false },
      { name: 'open', slots: 2, rate: null, perProcess: false },
    ])
    const opened = [1, 2, 3].map(() => newJob(half, keyed([open!])))
    const limited = [{ finalizer: true } as const, {}, {}, {}].map((options) =>
      newJob(gated, keyed([key!], options)),
    )
    const [holder, unwanted, due] = [newJob(plain), newJob(plain), newJob(plain, { due: { inMs: 60_000 } })]
    await storage.jobs.enqueue([...limited, ...opened, holder, unwanted, due])
    const quotas = [{ lane: gated.id, quota: 3, after: null }]
    const { batch } = await storage.executions.claimGated({ worker: dead, quotas, free: 1 }, admit)
    const [run, unbegun] = batch!.members
    const one = { worker, quotas: [{ lane: half.id, quota: 1, after: null }], free: 1 }
    const openRun = (await storage.executions.claimGated(one, admit)).batch!.members[0]!
    await this.#admin.query(`update millrace.worker set until = now() - interval '1 s' where id = ${dead};
      update millrace.waiting set due = now() - interval '1 s' where job = '${due.id}';
      insert into millrace.abort (job) values ('${unwanted.id}');
      insert into millrace.uniq (key, job, mode) values ('started', '${holder.id}', 1), ('done', '${oldId}', 2),
        ('kept', '${unwanted.id}', 2);
      insert into millrace.job (id, lane, prio, payload) values ('${oldId}', ${plain.id}, 5, '{}');
      insert into millrace.done (job, seq, attempt, outcome, ms, lease, finished)
      values ('${oldId}', 0, 1, 10, 1, 1, now() - interval '1 day');
      insert into millrace.state (job, seq, phase, data, processed, failed, chunks, errors, updated)
      values ('${run!.job}', 1, 0, '{}', 0, 0, 0, 0, now());
      insert into millrace.set_aside (job, number, seq, records, count, tries) values ('${run!.job}', 0, 1, '[1]', 1, 1)`)
    const [, , parked, gatedReady] = limited.map(({ id }) => id)
    return {
      ...{
        dead,
        worker,
        lease: batch!.lease,
        run: run!,
        unbegun: unbegun!,
        parked: parked!,
        gatedReady: gatedReady!,
      },
      ...{ gated, plain, key: key!, holder: holder.id, unwanted: unwanted.id, due: due.id, old: oldId },
      ...{ half, open: open!, openRun },
      jobs: [...[...limited, ...opened, holder, unwanted, due].map(({ id }) => id), oldId],
    }
  }

  rows(jobs: readonly JobId[]): Promise<Rows> {
    return rowsOf(this.#admin, jobs)
  }
}
