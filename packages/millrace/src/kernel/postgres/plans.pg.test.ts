import { beforeAll, describe, expect, test } from 'vitest'
import { decision, newJob } from '../storage/conformance/fixtures.ts'
import { eventually, hasPostgres, PostgresBench } from './conformance/opened.ts'

/** What a table was asked for, by the server's own counters. */
interface Reads {
  readonly rows: number
  readonly scans: number
}

describe.skipIf(!hasPostgres)('plans on tables without statistics', { timeout: 120_000 }, () => {
  const bench = new PostgresBench()
  const history = 20_000

  beforeAll(async () => {
    const lane = await bench.lane()
    const worker = await bench.worker()
    for (let done = 0; done < history; done += 2_000) {
      await bench.enqueue(lane, 2_000)
      const { members } = await bench.take(worker, lane, { quota: 2_000 })
      await bench.settle(members.map((run) => decision(run)))
    }
    const later = await bench.lane()
    await bench.storage.jobs.enqueue(
      Array.from({ length: 5_000 }, (_, i) => newJob(later, { due: { inMs: 3_600_000 + i } })),
    )
  })

  /** Backends report their counters when they end, so those of a closed storage must be gone. */
  async function settledCounters(): Promise<void> {
    await eventually(async () => {
      const rows = await bench.sql(
        "select from pg_stat_activity where datname = current_database() and application_name = 'counted'",
      )
      return rows.length === 0
    })
  }

  const counted = () => bench.open({ url: bench.urlWith('application_name', 'counted') })

  /** Rows read of a table by `work`, from indexes and from scans. */
  async function reads(table: string, work: () => Promise<unknown>): Promise<Reads> {
    const now = async (): Promise<Reads> => {
      const [row] = await bench.sql(
        `select (idx_tup_fetch + seq_tup_read)::float8 as rows, seq_scan::float8 as scans
         from pg_stat_user_tables where schemaname = 'millrace' and relname = $1`,
        [table],
      )
      return { rows: Number(row?.['rows']), scans: Number(row?.['scans']) }
    }
    await settledCounters()
    const before = await now()
    await work()
    await settledCounters()
    const after = await now()
    return { rows: after.rows - before.rows, scans: after.scans - before.scans }
  }

  test('what a claim, a settle, a rescue, a hand-back and a look ask of the history does not grow with it', async () => {
    const storage = await counted()
    const { rows } = await reads('done', async () => {
      for (let round = 0; round < 8; round++) {
        const lane = await bench.lane()
        const worker = await bench.worker()
        const jobs = Array.from({ length: 20 }, () => newJob(lane))
        await storage.jobs.enqueue(jobs)
        const batch = await storage.executions.claim({
          worker,
          quotas: [{ lane: lane.id, quota: 20, after: null }],
          free: 20,
        })
        const [back, ...rest] = batch!.members
        await storage.executions.handBack([{ ...back!, wait: null }])
        const some = rest.slice(0, 10).map((run) => decision(run))
        await storage.executions.settle(some, [])
        await storage.executions.settled(some)
        await storage.history.jobs(jobs.map((job) => job.id))
        await storage.history.ends(jobs.map((job) => job.id))
        await storage.history.list({ tenant: lane.tenant }, { before: null, limit: 10 })
        await storage.history.list({ status: 'Processing' }, { before: null, limit: 10 })
        await bench.kill(worker)
        await storage.workers.rescueLease(worker, batch!.lease, () => ({ kind: 'handBack', care: 1 }))
      }
      await storage.close()
    })
    expect(rows).toBeGreaterThan(160)
    expect(rows).toBeLessThan(history / 4)
  })

  test('what the mover asks of rows that wait does not grow with them', async () => {
    const storage = await counted()
    const { rows } = await reads('waiting', async () => {
      for (let round = 0; round < 20; round++) await storage.waiting.moveDue(500)
      await storage.close()
    })
    expect(rows).toBeGreaterThan(0)
    expect(rows).toBeLessThan(200)
  })

  test('what a wake asks of a limit key does not grow with the tenants and rows that wait for it', async () => {
    const storage = await counted()
    const [crowd, one] = await bench.storage.limits.define([
      { name: 'crowd', slots: 3, rate: null, perProcess: false },
      { name: 'one', slots: 3, rate: null, perProcess: false },
    ])
    for (const [key, tenants] of [
      [crowd, 20_000],
      [one, 1],
    ])
      await bench.sql(
        `insert into millrace.waiting (lane, prio, care, job, seq, attempt, rank, gate, reason, tenant)
         select 1, 5, 0, gen_random_uuid(), 0, 1, 5, $1, 5, 't' || n % $2 from generate_series(1, 20000) as n`,
        [key, tenants],
      )
    let moved = 0
    const { rows } = await reads('waiting', async () => {
      for (let round = 0; round < 10; round++) {
        await bench.sql('update millrace.limit_key set next = clock_timestamp() where id = any ($1)', [
          [crowd, one],
        ])
        moved += (await storage.waiting.pump()).moved
      }
      await storage.close()
    })
    expect(moved).toBe(60)
    // Each is looked for and deleted, and each turn of a tenant looks for the next.
    expect(rows).toBeLessThan(10 * 60)
  })

  test('an abort, a prune page and a probe of ended attempts read what they name', async () => {
    const storage = await counted()
    const lane = await bench.lane()
    const jobs = await bench.enqueue(lane, 10)
    const { rows } = await reads('done', async () => {
      for (const { id } of jobs) {
        await storage.executions.abort(id)
        await storage.executions.ended([{ job: id, seq: 0, attempt: 1 }])
        await storage.history.prune({ completedMs: 3_600_000, failedMs: 3_600_000, page: 10 })
      }
      await storage.close()
    })
    expect(rows).toBeLessThan(history / 10)
  })
})
