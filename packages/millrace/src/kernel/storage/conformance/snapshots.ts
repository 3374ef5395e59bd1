import { beforeAll, describe, expect, test } from 'vitest'
import { idsPerBlock, type NewSnapshot, type SnapshotAccess } from '../snapshots.ts'
import type { Storage } from '../storage.ts'
import { application, Bench, expectError, fresh } from './fixtures.ts'
import { nextId } from './ids.ts'
import type { Open } from './subject.ts'

const hour = 3_600_000
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const uuidOf = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-7000-8000-000000000000`

export function snapshots(open: Open): void {
  describe('snapshots', () => {
    const bench = new Bench(open)
    const all = 5_000

    /** Three tables of the application's, one for each kind of id. */
    beforeAll(async () => {
      await inTransaction(async (query) => {
        const uuid = bench.storage.kind === 'postgres' ? 'uuid' : 'text'
        await query(['create table app_number (id integer primary key, rank integer not null)'])
        await query([`create table app_uuid (id ${uuid} primary key)`])
        await query(['create table app_text (id varchar(40) primary key)'])
        const series = `with recursive g(i) as (select 1 union all select i + 1 from g where i < ${all})`
        await query([`insert into app_number (id, rank) ${series} select i, -i from g`])
        for (const n of numbers(1, 30)) {
          await query(['insert into app_uuid (id) values (', ')'], [uuidOf(n)])
          await query(['insert into app_text (id) values (', ')'], [`it's "${n}"\\ü,{}`])
        }
      })
    })

    type Query = (segments: readonly string[], params?: readonly unknown[]) => Promise<unknown>
    const inTransaction = async (work: (query: Query) => Promise<void>): Promise<void> => {
      const transaction = await bench.storage.begin(application)
      try {
        await work((segments, params = []) => transaction.query(segments, params))
        await transaction.commit()
      } finally {
        await transaction.rollback()
      }
    }
    const spec = (change: Partial<NewSnapshot> = {}): NewSnapshot => ({
      id: nextId(),
      tenant: fresh('tenant'),
      purpose: 'cursor',
      detail: '{"a":1}',
      ttlMs: hour,
      maxRows: 1_000_000,
      statement: { segments: ['select id from app_number order by id'], params: [] },
      ...change,
    })
    const below = (n: number, order = 'id'): NewSnapshot['statement'] => ({
      segments: ['select id from app_number where id <= ', ` order by ${order}`],
      params: [n],
    })
    const made = async (
      change: Partial<NewSnapshot> = {},
      access: SnapshotAccess = bench.storage.snapshots,
    ) => {
      const one = spec(change)
      const total = await access.create(one)
      return { ...one, total }
    }
    const read = async (id: string, from = 0, count = 1_000_000, storage: Storage = bench.storage) =>
      (await storage.snapshots.ids(id, from, count))?.ids ?? null

    test('keep the ids of a query in its order, and how many there are', async () => {
      const one = await made({ statement: below(2_345, 'rank') })
      expect(one.total).toBe(2_345)
      expect(await read(one.id)).toEqual(numbers(1, 2_345).reverse())
      expect(await bench.storage.snapshots.find(one.id)).toMatchObject({
        id: one.id,
        tenant: one.tenant,
        purpose: 'cursor',
        detail: '{"a":1}',
        total: 2_345,
      })
    })

    test.for([0, 1, 999, 1_000, 1_001, 2_000, 5_000])('of %i ids end where they end', async (n) => {
      const one = await made({ statement: below(n) })
      expect(one.total).toBe(n)
      expect(await read(one.id)).toEqual(numbers(1, n))
      expect(await read(one.id, n, 10)).toEqual([])
      expect(await read(one.id, n + 5_000, 10)).toEqual([])
    })

    test('are read anywhere, forward and back, across the rows they stand in', async () => {
      const { id } = await made()
      const cuts = [0, 1, 998, 999, 1_000, 1_001, 2_999, 4_000, 4_990].map((at) => [at, 1_003] as const)
      for (const [from, count] of [...cuts, ...cuts.toReversed(), [1_500, 1] as const, [999, 2] as const]) {
        expect(await read(id, from, count)).toEqual(numbers(from + 1, Math.min(from + count, all)))
      }
      expect(idsPerBlock).toBe(1_000)
    })

    test('hold uuids and any texts as they are', async () => {
      const uuids = await made({
        statement: { segments: ['select id from app_uuid order by id'], params: [] },
      })
      expect(await read(uuids.id)).toEqual(numbers(1, 30).map(uuidOf))
      const texts = await made({
        statement: { segments: ['select id from app_text order by length(id), id'], params: [] },
      })
      const found = await read(texts.id)
      expect([...(found ?? [])].sort()).toEqual(
        numbers(1, 30)
          .map((n) => `it's "${n}"\\ü,{}`)
          .sort(),
      )
    })

    test('do not change with the rows', async () => {
      const one = await made({ statement: below(1_500) })
      await inTransaction(async (query) => {
        await query(['delete from app_number where id between 100 and 1200'])
        await query(['insert into app_number (id, rank) values (-5, 1), (1000000, 2)'])
        await query(['update app_number set rank = 7 where id = 1400'])
      })
      expect(await read(one.id)).toEqual(numbers(1, 1_500))
      await inTransaction(async (query) => {
        await query(['delete from app_number'])
        await query([
          `insert into app_number (id, rank) with recursive g(i) as (select 1 union all select i + 1 from g where i < ${all})
           select i, -i from g`,
        ])
      })
      expect(await read(one.id)).toEqual(numbers(1, 1_500))
    })

    test('are of one instant, whoever writes meanwhile', async () => {
      const busy = { ended: false }
      const writing = (async () => {
        // Each commit moves one row to the other end, so that any mix of two instants has one too many or too few.
        for (let n = 1; !busy.ended && n <= 200; n += 1) {
          await inTransaction(async (query) => {
            await query(['insert into app_uuid (id) values (', ')'], [uuidOf(1_000 + n)])
            await query(['delete from app_uuid where id = ', ''], [n === 1 ? uuidOf(1) : uuidOf(999 + n)])
          })
        }
      })()
      const totals = []
      for (let round = 0; round < 10; round += 1)
        totals.push(
          (await made({ statement: { segments: ['select id from app_uuid order by id'], params: [] } }))
            .total,
        )
      busy.ended = true
      await writing
      expect(totals).toEqual(totals.map(() => 30))
    })

    test('that would be too large leave nothing behind', async () => {
      const one = await made({ maxRows: 1_499, statement: below(1_500) })
      expect(one.total).toBe('tooLarge')
      expect(await bench.storage.snapshots.find(one.id)).toBeNull()
      expect((await made({ maxRows: 1_500, statement: below(1_500) })).total).toBe(1_500)
    })

    test('of a query that fails leave nothing behind, and say why', async () => {
      const one = spec({ statement: { segments: ['select id from no_such_table'], params: [] } })
      await expectError(bench.storage.snapshots.create(one), 'MILL_STORAGE_QUERY')
      expect(await bench.storage.snapshots.find(one.id)).toBeNull()
    })

    test('expire, and live on when they are extended', async () => {
      const [short, long] = [await made({ ttlMs: 0 }), await made({ ttlMs: hour })]
      const { snapshots } = bench.storage
      expect(await snapshots.find(short.id)).toBeNull()
      expect(await read(short.id)).toBeNull()
      expect(await snapshots.extend(short.id, hour)).toBe(false)
      expect(await snapshots.extend(long.id, 3 * hour)).toBe(true)
      expect((await snapshots.find(long.id))?.remainingMs).toBeGreaterThan(2.9 * hour)
      expect(await snapshots.extend(long.id, 1)).toBe(true)
      expect((await snapshots.ids(long.id, 0, 1))?.remainingMs).toBeGreaterThan(2.9 * hour)
    })

    test('are gone at once when they are dropped', async () => {
      const { id } = await made()
      expect(await bench.storage.snapshots.drop(id)).toBe(true)
      expect(await bench.storage.snapshots.drop(id)).toBe(false)
      expect(await bench.storage.snapshots.find(id)).toBeNull()
      expect(await read(id)).toBeNull()
      expect(await bench.storage.snapshots.drop(nextId())).toBe(false)
    })

    test('are read by any process', async () => {
      const { id, tenant } = await made({ statement: below(3) })
      expect((await bench.storage.snapshots.ids(id, 0, 1))?.tenant).toBe(tenant)
      for (const storage of await bench.several(2)) expect(await read(id, 0, 10, storage)).toEqual([1, 2, 3])
    })

    test('made in a transaction see its writes, and stand only if it commits', async () => {
      for (const commit of [true, false]) {
        const transaction = await bench.storage.begin(application)
        await transaction.query(['insert into app_text (id) values (', ')'], [`own ${commit}`])
        const like = {
          segments: ['select id from app_text where id like ', ' order by id'],
          params: [`own ${commit}`],
        }
        const one = await made({ statement: like }, transaction.snapshots)
        expect(one.total).toBe(1)
        expect(await transaction.snapshots.ids(one.id, 0, 9)).toMatchObject({ ids: [`own ${commit}`] })
        expect(await transaction.snapshots.find(one.id)).toMatchObject({ total: 1 })
        if (commit) await transaction.commit()
        else await transaction.rollback()
        expect(await read(one.id)).toEqual(commit ? [`own ${commit}`] : null)
      }
      await inTransaction((query) => query(["delete from app_text where id like 'own%'"]) as Promise<never>)
    })

    test('that are read and extended in a transaction do not make it one that writes', async () => {
      const { id } = await made()
      const transaction = await bench.storage.begin(application)
      expect(await transaction.snapshots.ids(id, 10, 2)).toMatchObject({ ids: [11, 12] })
      expect(await transaction.snapshots.extend(id, 2 * hour)).toBe(true)
      expect(await transaction.hasWrites()).toBe(false)
      expect(await transaction.snapshots.drop(id)).toBe(true)
      expect(await transaction.hasWrites()).toBe(true)
      await transaction.rollback()
      expect(await read(id, 0, 1)).toEqual([1])
    })

    test('that are too large, or whose query fails, leave the transaction as it was', async () => {
      const transaction = await bench.storage.begin(application)
      await transaction.query(['insert into app_text (id) values (', ')'], ['kept'])
      expect((await made({ maxRows: 10 }, transaction.snapshots)).total).toBe('tooLarge')
      const bad = spec({ statement: { segments: ['select id from no_such_table'], params: [] } })
      await expectError(transaction.snapshots.create(bad), 'MILL_STORAGE_QUERY')
      const good = await made({ statement: below(2) }, transaction.snapshots)
      await transaction.commit()
      expect(await read(good.id)).toEqual([1, 2])
      await inTransaction((query) => query(["delete from app_text where id = 'kept'"]) as Promise<never>)
    })

    test('are counted by tenant and purpose, dropped ones for a day', async () => {
      const tenant = fresh('tenant')
      await made({ tenant, statement: below(10) })
      const gone = await made({ tenant, statement: below(5) })
      await made({ tenant, ttlMs: 0, statement: below(3) })
      await made({ tenant, purpose: 'pages', statement: below(1_000) })
      await bench.storage.snapshots.drop(gone.id)
      await pruneAll()
      expect(await bench.storage.snapshots.usage(tenant)).toEqual([
        { purpose: 'cursor', open: 1, openRows: 10, made: 3, madeRows: 18 },
        { purpose: 'pages', open: 1, openRows: 1_000, made: 1, madeRows: 1_000 },
      ])
      expect(await bench.storage.snapshots.usage(fresh('tenant'))).toEqual([])
    })

    const pruneAll = async (most = 1_000): Promise<number> => {
      let deleted = 0
      for (;;) {
        const step = await bench.storage.snapshots.prune(most)
        expect(step.deleted).toBeLessThanOrEqual(2 * most)
        deleted += step.deleted
        if (step.done) return deleted
      }
    }

    test('are deleted once they expired, a few rows at a time, and no others', async () => {
      await pruneAll()
      const kept = await made()
      const old = [await made({ ttlMs: 0 }), await made({ ttlMs: 0, statement: below(0) })]
      const dropped = await made()
      await bench.storage.snapshots.drop(dropped.id)
      // Ten rows of ids; the heads may or may not be counted.
      expect(await pruneAll(2)).toBeGreaterThanOrEqual(10)
      expect(await bench.storage.snapshots.prune(100)).toEqual({ deleted: 0, done: true })
      expect(await read(kept.id)).toEqual(numbers(1, all))
      for (const { id } of [...old, dropped]) expect(await read(id)).toBeNull()
    })
  })
}
