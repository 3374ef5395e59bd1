import { beforeAll, describe, expect, test } from 'vitest'
import { held } from '../../../../../../tests/support/held.ts'
import type { StorageTransaction } from '../transaction.ts'
import { application, Bench, expectError, expectRefusal, fresh, newJob, until } from './fixtures.ts'
import type { Open } from './subject.ts'

const minute = 60_000

/** A table of numbers from 1 to `count`, each with a text of 2,000 characters. */
class Numbers {
  readonly table = fresh('number').replace('-', '_')
  readonly bench: Bench
  readonly #count: number

  constructor(bench: Bench, count: number) {
    this.bench = bench
    this.#count = count
    beforeAll(async () => {
      await bench.transaction(async (tx) => {
        await tx.query([`create table ${this.table} (n integer primary key, word text)`], [])
        await tx.query(
          [
            `with recursive series (n) as (select 1 union all select n + 1 from series where n < ${this.#count})
            insert into ${this.table} select n, `,
            ' from series',
          ],
          ['x'.repeat(2_000)],
        )
        await tx.commit()
      })
    })
  }

  get all(): readonly [string] {
    return [`select n, word from ${this.table} order by n`]
  }

  stream(size: number): AsyncIterable<Record<string, unknown>[]> {
    return this.bench.storage.reader.stream(this.all, [], { size, timeoutMs: minute })
  }
}

async function sizes(pages: AsyncIterable<readonly unknown[]>): Promise<number[]> {
  const found: number[] = []
  for await (const page of pages) found.push(page.length)
  return found
}

async function numbers(pages: AsyncIterable<Record<string, unknown>[]>): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const page of pages) found.push(...page.map((row) => row.n))
  return found
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

export function reader(open: Open): void {
  reads(open)
  streams(open)
  streamsInTransactions(open)
}

function reads(open: Open): void {
  describe('a read outside of transactions', () => {
    const bench = new Bench(open)
    const some = new Numbers(bench, 50)
    const read = (
      text: readonly string[],
      params: readonly unknown[] = [],
      options: { readonly timeoutMs?: number; readonly maxRows?: number } = {},
    ) => bench.storage.reader.query(text, params, { timeoutMs: minute, ...options })

    test('gives what is committed, with parameters between the segments', async () => {
      expect(await read([`select n from ${some.table} where n > `, ' order by n'], [47])).toEqual([
        { n: 48 },
        { n: 49 },
        { n: 50 },
      ])
      expect(await read(['select ', ' as a'], [`it's "x" ; -- $1 ?`])).toEqual([{ a: `it's "x" ; -- $1 ?` }])
    })

    test('gives as many rows as it may, and throws when there is one more', async () => {
      expect(await read(some.all, [], { maxRows: 50 })).toHaveLength(50)
      await expectError(read(some.all, [], { maxRows: 49 }), 'MILL_QUERY_TOO_MANY_ROWS')
      await expectError(read(some.all, [], { maxRows: 0 }), 'MILL_QUERY_TOO_MANY_ROWS')
      expect(await read([`select n from ${some.table} where n < 0`], [], { maxRows: 0 })).toEqual([])
      expect(await read(some.all)).toHaveLength(50)
    })

    test('cannot write, whatever is asked', async () => {
      const writes = [
        `insert into ${some.table} (n, word) values (1000, '')`,
        `update ${some.table} set word = ''`,
        `delete from ${some.table} returning n`,
        `drop table ${some.table}`,
        `create table ${some.table}_2 (n integer)`,
        'commit',
        'begin',
        `select 1; delete from ${some.table}`,
      ]
      for (const text of writes) {
        await expectRefusal(read([text]))
        await expectRefusal(read([text], [], { maxRows: 10 }))
        await expectRefusal(sizes(bench.storage.reader.stream([text], [], { size: 5, timeoutMs: minute })))
      }
      expect(await read(some.all, [], { maxRows: 50 })).toHaveLength(50)
    })

    test('throws after its time', async () => {
      const endless =
        bench.storage.kind === 'postgres'
          ? 'select pg_sleep(30)'
          : 'with recursive s (n) as (select 1 union all select n + 1 from s) select n from s'
      await expectError(read([endless], [], { timeoutMs: 50 }), 'MILL_QUERY_TIMEOUT')
      await expectError(read([endless], [], { timeoutMs: 50, maxRows: 1e9 }), 'MILL_QUERY_TIMEOUT')
      const stream = bench.storage.reader.stream([endless], [], { size: 1e9, timeoutMs: 50 })
      await expectError(sizes(stream), 'MILL_QUERY_TIMEOUT')
      expect(await read(['select 1 as n'])).toEqual([{ n: 1 }])
    })

    test('says what is wrong with a statement', async () => {
      await expectError(read(['select * from nowhere_at_all']), 'MILL_STORAGE_QUERY')
      await expectError(read(['select 1 +']), 'MILL_STORAGE_QUERY')
    })
  })
}

function streams(open: Open): void {
  describe('a stream outside of transactions', () => {
    const bench = new Bench(open)
    const some = new Numbers(bench, 50)

    test.for([
      [50, [50]],
      [51, [50]],
      [20, [20, 20, 10]],
      [1, upTo(50).map(() => 1)],
    ] as const)('in pages of %i', async ([size, expected]) => {
      expect(await sizes(some.stream(size))).toEqual(expected)
      expect(await numbers(some.stream(size))).toEqual(upTo(50))
    })

    test('refuses pages of no size, and gives no page where nothing is found', async () => {
      for (const size of [0, -1, 1.5, Number.NaN])
        await expectError(sizes(some.stream(size)), 'MILL_OPTIONS_INVALID')
      const none = [`select n from ${some.table} where n < 0`]
      expect(await sizes(bench.storage.reader.stream(none, [], { size: 5, timeoutMs: minute }))).toEqual([])
    })

    test('runs beside others, more of them than there are connections', async () => {
      const all = await Promise.all(upTo(12).map((size) => numbers(some.stream(size))))
      for (const found of all) expect(found).toEqual(upTo(50))
    })

    test('gives back what it held when the consumer stops, or throws', async () => {
      for (let times = 0; times < 40; times += 1) {
        for await (const page of some.stream(3)) {
          expect(page).toHaveLength(3)
          if (times % 2 === 0) break
          await expect(
            (async () => {
              for await (const _ of some.stream(2)) throw new Error('enough')
            })(),
          ).rejects.toThrow('enough')
          break
        }
      }
      expect(await numbers(some.stream(25))).toEqual(upTo(50))
    })
  })
}

/** What one connection cannot do. */
export function readsBesideTransactions(open: Open): void {
  describe('reads beside transactions', () => {
    const bench = new Bench(open)
    const some = new Numbers(bench, 20)
    const many = new Numbers(bench, 60_000)
    const count = async (): Promise<unknown> =>
      (
        await bench.storage.reader.query([`select count(*) as n from ${some.table}`], [], {
          timeoutMs: minute,
        })
      )[0]?.n

    test('do not see what is not committed', async () => {
      await bench.transaction(async (tx) => {
        await tx.query([`insert into ${some.table} (n, word) values (1000, '')`], [])
        expect(await count()).toBe(20)
        expect(await numbers(some.stream(7))).toEqual(upTo(20))
      })
    })

    test('a stream is of one instant; a query beside it sees what came since', async () => {
      const found: unknown[] = []
      for await (const page of some.stream(5)) {
        found.push(...page.map((row) => row.n))
        await bench.transaction(async (tx) => {
          await tx.query([`insert into ${some.table} (n, word) values (`, `, '')`], [2_000 + found.length])
          await tx.commit()
        })
        expect(await count()).toBe(20 + found.length / 5)
      }
      expect(found).toEqual(upTo(20))
    })

    test('let others go on between pages', async () => {
      let turns = 0
      let goes = true
      const turn = (): void => {
        turns += 1
        if (goes) setImmediate(turn)
      }
      setImmediate(turn)
      const pages = await sizes(many.stream(1_000))
      goes = false
      expect(turns).toBeGreaterThanOrEqual(pages.length - 1)
    })

    test('a stream holds a page in memory, not all rows; where all lives in memory it holds them', async () => {
      const all = 60_000 * 2_000
      const before = held()
      let most = 0
      let pages = 0
      for await (const _ of many.stream(500)) if (pages++ % 20 === 0) most = Math.max(most, held() - before)
      if (bench.livesInOneProcess) expect(most).toBeGreaterThan(all / 2)
      else expect(most).toBeLessThan(all / 4)
    })
  })
}

function streamsInTransactions(open: Open): void {
  describe('a stream in a transaction', () => {
    const bench = new Bench(open)
    const some = new Numbers(bench, 20)
    const select = [`select n, word from ${some.table} order by n`]

    test('sees what the transaction has written, as it was at the start', async () => {
      await bench.transaction(async (tx) => {
        await tx.query([`insert into ${some.table} (n, word) values (21, 'mine')`], [])
        const found: unknown[] = []
        for await (const page of tx.stream(select, [], 4)) {
          found.push(...page.map((row) => row.n))
          // Rows that are moved ahead of the reader, and new ones there, must not come again.
          await tx.query([`update ${some.table} set n = n + 1000 where n = `, ''], [page[0]?.n])
          await tx.query([`insert into ${some.table} (n, word) values (`, `, '')`], [5_000 + found.length])
        }
        expect(found).toEqual(upTo(21))
      })
    })

    test('takes parameters, and is no write', async () => {
      await bench.transaction(async (tx) => {
        const pages = tx.stream([`select n from ${some.table} where n in `, ' order by n'], [[3, 5, 7]], 2)
        expect(await numbers(pages)).toEqual([3, 5, 7])
        expect(await tx.hasWrites()).toBe(false)
      })
    })

    test('leaves the transaction as it was when the consumer stops', async () => {
      await bench.transaction(async (tx) => {
        for (let times = 0; times < 5; times += 1) {
          for await (const page of tx.stream(select, [], 3)) {
            expect(page).toHaveLength(3)
            break
          }
        }
        expect(await cursorsOf(tx, some.table)).toBe(0)
        await tx.query([`insert into ${some.table} (n, word) values (900, 'kept')`], [])
        await tx.commit()
      })
      const kept = [`select n from ${some.table} where n = 900`]
      expect(await bench.storage.reader.query(kept, [], { timeoutMs: minute })).toEqual([{ n: 900 }])
      await bench.transaction(async (tx) => {
        await tx.query([`delete from ${some.table} where n = 900`], [])
        await tx.commit()
      })
    })

    test('several at once, each of its own instant', async () => {
      await bench.transaction(async (tx) => {
        const outer: unknown[] = []
        for await (const page of tx.stream(select, [], 10)) {
          outer.push(...page.map((row) => row.n))
          await tx.query([`insert into ${some.table} (n, word) values (`, `, '')`], [700 + outer.length])
          expect(await numbers(tx.stream(select, [], 6))).toHaveLength(20 + outer.length / 10)
        }
        expect(outer).toEqual(upTo(20))
      })
    })

    test('survives a savepoint that is gone back to', async () => {
      await bench.transaction(async (tx) => {
        const found: unknown[] = []
        for await (const page of tx.stream(select, [], 5)) {
          found.push(...page.map((row) => row.n))
          await tx.query(['savepoint one'], [])
          await tx.query([`delete from ${some.table}`], [])
          await tx.query(['rollback to savepoint one'], [])
        }
        expect(found).toEqual(upTo(20))
      })
    })

    test('refuses what is no query', async () => {
      for (const text of [`delete from ${some.table}`, 'commit', 'select 1; commit', ''])
        await bench.transaction(async (tx) => {
          await expectRefusal(sizes(tx.stream([text], [], 5)))
        })
      expect(await numbers(some.stream(20))).toEqual(upTo(20))
    })

    test('ends with its transaction', async () => {
      for (const end of ['commit', 'rollback'] as const) {
        const tx = await bench.storage.begin(application)
        const stream = tx.stream(select, [], 5)[Symbol.asyncIterator]()
        expect((await stream.next()).value).toHaveLength(5)
        await tx[end]()
        await expectRefusal(stream.next())
      }
      // The next one on the same connection finds nothing left behind.
      await bench.transaction(async (tx) => expect(await cursorsOf(tx, some.table)).toBe(0))
    })

    test('beside enqueues of the transaction', async () => {
      const lane = await bench.lane()
      await bench.transaction(async (tx) => {
        for await (const page of tx.stream(select, [], 8)) await tx.enqueue(page.map(() => newJob(lane)))
        await tx.commit()
      })
      await until(async () => (await bench.storage.lanes.heads()).some((head) => head.lane === lane.id))
    })
  })
}

/** Cursors, or what stands for them, that the connection of a transaction holds. */
async function cursorsOf(tx: StorageTransaction, table: string): Promise<unknown> {
  const cursors =
    tx.client === null
      ? 'select count(*) as n from sqlite_temp_master'
      : `select count(*)::int as n from pg_cursors where name like 'millrace%' and statement like '%${table}%'`
  return (await tx.query([cursors], []))[0]?.n
}
