import { describe, expect, test } from 'vitest'
import { createRescue } from '../rules/rescue.ts'
import { hasPostgres, PostgresBench } from './conformance/opened.ts'

const rescue = createRescue({ maxDeaths: 3 })

describe.skipIf(!hasPostgres)('a rescuer that is frozen in a rescue', () => {
  const bench = new PostgresBench()

  /** A rescuer that stands before its commit, with all its locks, until it is let go. */
  async function frozen(worker: number, lease: number) {
    const reached = Promise.withResolvers<undefined>()
    const thawed = Promise.withResolvers<undefined>()
    const storage = await bench.open({
      faults: {
        hit(point) {
          if (point !== 'rescue:before-commit') return
          reached.resolve(undefined)
          return thawed.promise
        },
      },
    })
    const report = storage.workers.rescueLease(worker, lease, rescue)
    await reached.promise
    return { thaw: () => thawed.resolve(undefined), report }
  }

  test('holds up nobody: others pass that worker by, and take the leases of the next', async () => {
    const [held, next] = [await bench.leased(1), await bench.leased(1)]
    await bench.kill(held.worker)
    await bench.kill(next.worker)
    const { thaw, report } = await frozen(held.worker, held.lease)
    // Whoever waited for the frozen one would hear of this deadline instead.
    const { workers } = await bench.open({ queryTimeoutMs: 1_000 })
    expect(await workers.rescueLease(held.worker, held.lease, rescue)).toBeNull()
    expect(await workers.bury(held.worker)).toBe(false)
    expect(await workers.rescueLease(next.worker, next.lease, rescue)).toMatchObject({ lost: 1 })
    expect(await workers.expired()).toContain(held.worker)
    thaw()
    expect(await report).toMatchObject({ lost: 1 })
    expect(await bench.place(held.run.job)).toBe('ready')
    expect(await workers.bury(held.worker)).toBe(true)
  })

  test('and what it held is taken by the next round once its connection is gone', async () => {
    const { worker, lease, run } = await bench.leased(1)
    await bench.kill(worker)
    const { thaw, report } = await frozen(worker, lease)
    const { workers } = bench.storage
    expect(await workers.rescueLease(worker, lease, rescue)).toBeNull()
    // As idle_in_transaction_session_timeout does to it.
    await bench.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and state = 'idle in transaction'`,
    )
    expect(await workers.rescueLease(worker, lease, rescue)).toMatchObject({ lost: 1 })
    thaw()
    await expect(report).rejects.toMatchObject({ code: 'MILL_STORAGE_UNAVAILABLE' })
    expect(await bench.place(run.job)).toBe('ready')
  })

  test('a lease whose worker has no row any more is taken, too', async () => {
    const { worker, lease } = await bench.leased(1)
    await bench.sql('delete from millrace.worker where id = $1', [worker])
    expect(await bench.storage.workers.rescueLease(worker, lease, rescue)).toMatchObject({ lost: 1 })
  })
})
