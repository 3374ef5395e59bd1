import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { isMillraceError } from '../rules/errors.ts'
import { outcomes } from '../rules/outcome.ts'
import {
  application,
  decision,
  expectError,
  handler,
  newJob,
  spent,
} from '../storage/conformance/fixtures.ts'
import { eventually, hasPostgres, PostgresBench, thrownBy } from './conformance/opened.ts'

describe.skipIf(!hasPostgres)('a transaction on PostgreSQL', () => {
  const bench = new PostgresBench()

  beforeAll(async () => {
    await bench.sql('create table note (word text not null, checked int check (checked > 0))')
  })

  const words = async (): Promise<unknown[]> =>
    (await bench.sql('select word from note order by word')).map((row) => row['word'])

  const backendOf = (client: unknown): number => (client as { readonly processID: number }).processID
  /** As a driver of its own kind might. */
  const pastGuard = (client: unknown, text: string): Promise<unknown> =>
    (pg.Client.prototype.query as (this: unknown, text: string) => Promise<unknown>).call(client, text)
  const kill = async (client: unknown): Promise<void> => {
    await bench.sql('select pg_terminate_backend($1)', [backendOf(client)])
  }

  test('trap 5: the server knows how long it may stand idle, whether its session was told so or it says so itself', async () => {
    const storages = [
      await bench.open({ idleMs: 7_000 }),
      await bench.open({ idleMs: 7_000, pooler: 'transaction' }),
    ]
    for (const storage of storages) {
      for (const idleTimeoutMs of [7_000, 9_000, 7_000]) {
        const tx = await storage.begin({ ...application, idleTimeoutMs })
        const shown = await tx.query(
          [`select current_setting('idle_in_transaction_session_timeout') as idle`],
          [],
        )
        expect(shown).toEqual([{ idle: `${idleTimeoutMs / 1_000}s` }])
        await tx.rollback()
      }
    }
  })

  test('trap 2: a COMMIT that the server answers by ROLLBACK is an error with the first cause', async () => {
    await bench.transaction(async (tx) => {
      await tx.query(['insert into note values (', ')'], ['swallowed'])
      const first = await thrownBy(tx.query(['insert into note values (', ', 0)'], ['bad']))
      expect(first).toMatchObject({ code: 'MILL_STORAGE_QUERY', data: { sqlstate: '23514' } })
      const second = await thrownBy(tx.query(['select 1'], []))
      expect(second).toMatchObject({ code: 'MILL_TRANSACTION_LOST', cause: first })
      expect(await thrownBy(tx.commit())).toMatchObject({ code: 'MILL_TRANSACTION_LOST', cause: first })
    })
    await bench.transaction(async (tx) => {
      // Through the ORM's client, whose errors only the server knows.
      const client = tx.client as pg.Client
      await client.query('insert into note values ($1)', ['swallowed'])
      await thrownBy(client.query('select * from nothing_of_the_kind'))
      await expectError(tx.commit(), 'MILL_TRANSACTION_LOST')
    })
    expect(await words()).toEqual([])
  })

  test('a deferred constraint fails the COMMIT', async () => {
    await bench.sql('create table once (id int unique deferrable initially deferred)')
    await bench.transaction(async (tx) => {
      await tx.query(['insert into once values (1), (1)'], [])
      expect(await thrownBy(tx.commit())).toMatchObject({
        code: 'MILL_TRANSACTION_LOST',
        cause: { data: { sqlstate: '23505' } },
      })
    })
    expect(await bench.sql('select from once')).toHaveLength(0)
  })

  test('trap 3: one statement at a time, so no COMMIT can ride along', async () => {
    await bench.transaction(async (tx) => {
      const error = await thrownBy(tx.query(["insert into note values ('sneaked'); commit"], []))
      expect(error).toMatchObject({ code: 'MILL_STORAGE_QUERY', data: { sqlstate: '42601' } })
    })
    expect(await words()).toEqual([])
  })

  test('trap 3: a COMMIT by hand cannot be followed by a settle', async () => {
    const { run } = await bench.leased()
    await bench.transaction(async (tx) => {
      await tx.query(['do $$ begin perform 1; end $$'], [])
      await pastGuard(tx.client, "insert into note values ('by hand'); commit; begin")
      expect(await tx.settle(decision(run))).toBe('fenced')
    }, handler())
    expect(await bench.told(run.job)).toEqual([])
    expect(await words()).toEqual(['by hand'])
    await bench.sql('delete from note')
    await bench.transaction(async (tx) => {
      await pastGuard(tx.client, 'select 1; commit')
      await expectError(tx.settle(decision(run)), 'MILL_TRANSACTION_LOST')
      await expectError(tx.commit(), 'MILL_TRANSACTION_LOST')
    }, handler())
    await bench.settle([decision(run)])
  })

  test('trap 3: the token does not survive into the next transaction of the connection', async () => {
    const storage = await bench.open({ poolSize: 1 })
    const tx = await storage.begin({ ...application, token: "it's \\ a token" })
    expect(await tx.query(["select current_setting('mill.attempt', true) as token"], [])).toEqual([
      { token: "it's \\ a token" },
    ])
    await tx.commit()
    const next = await storage.begin(application)
    expect(await next.query(["select current_setting('mill.attempt', true) as token"], [])).toEqual([
      { token: '' },
    ])
    await next.rollback()
  })

  test('trap 5: an idle transaction is ended by the server and frees its locks', async () => {
    const { run, worker, lease } = await bench.leased()
    const tx = await bench.storage.begin({ token: 'frozen', idleTimeoutMs: 200, writeTimeoutMs: 0 })
    expect(await tx.settle(decision(run))).toBe('settled')
    await bench.kill(worker)
    // Waits for the lock of the frozen one.
    const report = await bench.storage.workers.rescueLease(worker, lease, () => ({
      kind: 'handBack',
      care: 1,
    }))
    expect(report).toEqual({ lost: 0, handedBack: 1, parked: 0 })
    await eventually(async () => isMillraceError(await thrownBy(tx.hasWrites()), 'MILL_TRANSACTION_LOST'))
    await expectError(tx.commit(), 'MILL_TRANSACTION_LOST')
    await tx.rollback()
    expect(await bench.place(run.job)).toBe('ready')
  })

  test('trap 6: a settle that is still committing is waited for', async () => {
    const { run } = await bench.leased()
    const one = decision(run)
    const tx = await bench.storage.begin(handler())
    await tx.settle(one)
    const looked = bench.storage.executions.settled([one])
    await eventually(async () => (await blocked()) > 0)
    await tx.commit()
    expect(await looked).toEqual([one.key])
    await bench.settle([], spent([one]))
  })

  test('trap 11: what is left behind cannot write later, not even through the ORM', async () => {
    const storage = await bench.open({ poolSize: 1 })
    const tx = await storage.begin(application)
    const client = tx.client as pg.Client
    await client.query('select 1')
    await tx.commit()
    const next = await storage.begin(application)
    await expectError(client.query("insert into note values ('late')"), 'MILL_CONTEXT_CLOSED')
    await expectError(tx.query(["insert into note values ('late')"], []), 'MILL_CONTEXT_CLOSED')
    await new Promise((resolve) => {
      client.query("insert into note values ('late')", (error) => {
        expect(isMillraceError(error, 'MILL_CONTEXT_CLOSED')).toBe(true)
        resolve(undefined)
      })
    })
    await next.commit()
    expect(await words()).toEqual([])
  })

  test('the client of an ORM cannot end the transaction, and may use savepoints', async () => {
    await bench.transaction(async (tx) => {
      const client = tx.client as pg.PoolClient
      await expectError(client.query('COMMIT'), 'MILL_TRANSACTION_STATEMENT')
      await expectError(client.query({ text: ' rollback' }), 'MILL_TRANSACTION_STATEMENT')
      await client.query('savepoint hidden')
      for (const query of ['select 1; commit', { text: 'select 1; /* so */ -- now\n END' }]) {
        expect(await thrownBy(client.query(query))).toMatchObject({ code: '42601' })
        await client.query('rollback to savepoint hidden')
      }
      const { rows } = await client.query("select 'a; commit' as text")
      expect(rows).toEqual([{ text: 'a; commit' }])
      expect(await client.query('select 1; select 2')).toHaveLength(2)
      client.release()
      await client.end()
      await client.query('insert into note values ($1)', ['kept'])
      await client.query('savepoint one')
      await thrownBy(client.query('select * from nothing_of_the_kind'))
      // Only the server can mend it: the transaction is not lost before COMMIT.
      await client.query('rollback to savepoint one')
      await tx.query(['savepoint two'], [])
      await thrownBy(tx.query(['select * from nothing_of_the_kind'], []))
      await expectError(tx.query(['select 1'], []), 'MILL_TRANSACTION_LOST')
      await tx.query(['rollback to savepoint two'], [])
      await tx.query(['select 1'], [])
      await tx.commit()
    })
    expect(await words()).toEqual(['kept'])
    await bench.sql('delete from note')
  })

  test('trap 12: expiry goes by the clock, not by the time of BEGIN', async () => {
    const lane = await bench.lane()
    const worker = await bench.worker()
    await bench.enqueue(lane, 1)
    const client = await bench.client()
    await client.query('begin')
    await client.query('select now()')
    await bench.kill(worker)
    expect(await bench.claim(worker, lane)).toBeNull()
    await client.query('commit')
    const { run } = await bench.leased()
    const tx = await bench.storage.begin(handler())
    const [begun] = await tx.query(['select extract(epoch from now())::float8 * 1000 as ms'], [])
    await eventually(async () => (await bench.storage.now()) > Number(begun?.['ms']) + 30)
    await tx.settle(decision(run))
    await tx.commit()
    const [attempt] = await bench.attempts(run.job)
    expect(attempt!.finishedAt).toBeGreaterThan(Number(begun?.['ms']) + 29)
  })

  test('knows whether it has writes or row locks', async () => {
    await bench.sql("insert into note values ('locked')")
    const asks: [string, boolean][] = [
      ['select 1', false],
      ['select * from note', false],
      ['select * from note for update', true],
      ["insert into note values ('x')", true],
      ['create temporary table t (id int)', true],
    ]
    for (const [text, writes] of asks) {
      await bench.transaction(async (tx) => {
        expect(await tx.hasWrites()).toBe(false)
        await tx.query([text], [])
        expect(await tx.hasWrites(), text).toBe(writes)
      })
    }
    await bench.sql('delete from note')
  })

  test('statements asked for at once run one after the other', async () => {
    await bench.transaction(async (tx) => {
      const rows = await Promise.all([1, 2, 3].map((n) => tx.query(['select ', '::int as n'], [n])))
      expect(rows).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]])
    })
  })

  test('a rollback ends the statement under way, and its locks', async () => {
    await bench.sql("insert into note values ('slow')")
    const tx = await bench.storage.begin(application)
    await tx.query(['select from note for update'], [])
    const slow = thrownBy(tx.query(['select pg_sleep(60)'], []))
    await eventually(
      async () =>
        (await bench.sql("select from pg_stat_activity where query = 'select pg_sleep(60)'")).length > 0,
    )
    await tx.rollback()
    expect(await slow).toBeDefined()
    await bench.sql('select from note for update nowait')
    expect(await bench.sql("select from pg_stat_activity where query = 'select pg_sleep(60)'")).toEqual([])
    await bench.sql('delete from note')
  })

  test('a backend killed inside: the transaction is lost, the process lives, the pool goes on', async () => {
    const tx = await bench.storage.begin(application)
    await tx.query(["insert into note values ('lost')"], [])
    await kill(tx.client)
    await eventually(async () =>
      isMillraceError(await thrownBy(tx.query(['select 1'], [])), 'MILL_TRANSACTION_LOST'),
    )
    await expectError(tx.commit(), 'MILL_TRANSACTION_LOST')
    await tx.rollback()
    expect(await bench.storage.now()).toBeGreaterThan(0)
    expect(await words()).toEqual([])
  })

  test('a connection lost during COMMIT: the outcome is unknown, and says so', async () => {
    const storage = await bench.open({
      faults: {
        async hit(point) {
          if (point === 'settle:before-commit') await cutOnCommit()
        },
      },
    })
    const { run } = await bench.leased()
    const tx = await storage.begin(handler())
    await tx.query(["insert into note values ('unknown')"], [])
    await tx.settle(decision(run))
    let cutOnCommit = async (): Promise<void> => {
      const client = tx.client as pg.Client
      const send = client.connection.query.bind(client.connection)
      client.connection.query = (text: string) => {
        send(text)
        client.connection.stream.destroy()
      }
    }
    const error = await thrownBy(tx.commit())
    cutOnCommit = async () => undefined
    expect(error).toMatchObject({ code: 'MILL_COMMIT_UNKNOWN', cause: { data: { unknown: true } } })
    const known = await storage.executions.settled([decision(run)])
    expect(await words()).toEqual(known.length === 1 ? ['unknown'] : [])
    if (known.length === 0) await bench.settle([decision(run)])
    await bench.sql('delete from note')
  })

  test('numbers come back as they can be held; the types of the application are left alone', async () => {
    const before: unknown = pg.types.getTypeParser(pg.types.builtins.INT8)
    await bench.transaction(async (tx) => {
      const [row] = await tx.query(
        [
          `select 42::int8 as small, 9007199254740993::int8 as big, 1.10::numeric as exact, 1.5::float8 as double,
             true as yes, null as nothing, '{"a":1}'::json as json, array[1,2]::int4[] as list, 'x' as text`,
        ],
        [],
      )
      expect(row).toEqual({
        small: 42,
        big: 9007199254740993n,
        exact: '1.10',
        double: 1.5,
        yes: true,
        nothing: null,
        json: { a: 1 },
        list: [1, 2],
        text: 'x',
      })
      expect((await (tx.client as pg.Client).query('select 42::int8 as n')).rows).toEqual([{ n: '42' }])
    })
    expect(pg.types.getTypeParser(pg.types.builtins.INT8)).toBe(before)
  })

  test('parameters of every kind arrive', async () => {
    const at = new Date('2030-01-02T03:04:05.678Z')
    await bench.transaction(async (tx) => {
      const rows = await tx.query(
        [
          'select ',
          '::text as text, ',
          '::int8 as big, ',
          '::timestamptz as at, ',
          '::bytea as bytes where 2 in ',
          '',
        ],
        ['it\'s "x" \\ ü', 2n ** 53n + 1n, at, new Uint8Array([0, 255]), [1, 2, 3]],
      )
      expect(rows).toEqual([
        { text: 'it\'s "x" \\ ü', big: 2n ** 53n + 1n, at, bytes: Buffer.from([0, 255]) },
      ])
    })
  })

  test('a serialization failure, a deadlock and a lock timeout can be tried again', async () => {
    await bench.sql("insert into note values ('a'), ('b')")
    const holder = await bench.client()
    await holder.query("begin; select from note where word = 'a' for update")
    await bench.transaction(async (tx) => {
      await tx.query(["set local lock_timeout = '50ms'"], [])
      const error = await thrownBy(tx.query(["update note set checked = 1 where word = 'a'"], []))
      expect(error).toMatchObject({ code: 'MILL_STORAGE_BUSY', retryable: true, data: { sqlstate: '55P03' } })
    })
    await bench.transaction(async (tx) => {
      await tx.query(["update note set checked = 2 where word = 'b'"], [])
      const theirs = holder.query("update note set checked = 3 where word = 'b'")
      const ours = thrownBy(tx.query(["update note set checked = 2 where word = 'a'"], []))
      const [mine] = await Promise.all([ours, thrownBy(theirs)])
      if (mine !== undefined) {
        expect(mine).toMatchObject({ code: 'MILL_STORAGE_BUSY', data: { sqlstate: '40P01' } })
      }
      await holder.query('rollback')
    })
    await bench.transaction(async (tx) => {
      await tx.query(['set transaction isolation level serializable'], [])
      await tx.query(['select * from note'], [])
      await bench.sql("update note set checked = 9 where word = 'a'")
      const error = await thrownBy(tx.query(["update note set checked = 8 where word = 'a'"], []))
      expect(error).toMatchObject({ code: 'MILL_STORAGE_BUSY', data: { sqlstate: '40001' } })
    })
    await bench.sql('delete from note')
  })

  test('an enqueue waits for no other application, and its wake goes out after the commit', async () => {
    const lane = await bench.lane()
    const listener = await bench.client()
    const heard: string[] = []
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''))
    await listener.query('listen millrace')
    const tx = await bench.storage.begin(application)
    const job = newJob(lane)
    await tx.enqueue([job])
    await listener.query('select 1')
    expect(heard).toEqual([])
    await tx.commit()
    await eventually(async () => {
      await listener.query('select 1')
      return heard.includes(`new ${lane.id}`)
    })
    expect(await bench.place(job.id)).toBe('ready')
  })

  test('a settle takes no row of a lease that another attempt of the same worker holds', async () => {
    const { members } = await bench.leased(2)
    const [one, two] = members
    await bench.transaction(async (tx) => {
      expect(await tx.settle(decision(one!, outcomes.completed))).toBe('settled')
      // Beside it, not behind it: both lock the lease row for key share.
      expect(await bench.settle([decision(two!)], [])).toEqual([])
      await tx.commit()
    }, handler())
    expect(await bench.places(members.map((run) => run.job))).toEqual(['completed', 'completed'])
    await bench.settle([], spent([one!]))
  })

  async function blocked(): Promise<number> {
    const rows = await bench.sql(
      `select from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
    )
    return rows.length
  }
})
