import { createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { decision, expectError, newJob } from '../storage/conformance/fixtures.ts'
import { eventually, hasPostgres, PostgresBench, thrownBy } from './conformance/opened.ts'
import { openPostgres } from './open.ts'

const release = '0.1.0'

describe('a server that cannot be reached', () => {
  test('refuses the connection: nothing was committed', async () => {
    const storage = await openPostgres({ url: 'postgres://postgres@127.0.0.1:1/none', release })
    expect(await thrownBy(storage.now())).toMatchObject({
      code: 'MILL_STORAGE_UNAVAILABLE',
      retryable: true,
      data: { unknown: false },
    })
    await storage.wakeups.start()
    await storage.close()
  })

  test('accepts the connection and says nothing: a deadline ends it', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { readonly port: number }
    const storage = await openPostgres({
      url: `postgres://postgres@127.0.0.1:${port}/none`,
      release,
      queryTimeoutMs: 200,
    })
    expect(await thrownBy(storage.now())).toMatchObject({
      code: 'MILL_STORAGE_UNAVAILABLE',
      data: { unknown: false },
    })
    await storage.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  test.for(['', 'mysql://x', 'postgres:', 'not a url'])('is not named by %j', async (url) => {
    const opening = openPostgres({ url, release })
    if (url === 'postgres:') await opening.then((storage) => storage.close())
    else await expectError(opening, 'MILL_STORAGE_URL_INVALID')
  })

  test('never tells the password', async () => {
    const error = await thrownBy(openPostgres({ url: 'postgre://u:s3cret@h/d', release }))
    expect(String(error)).not.toContain('s3cret')
    expect(JSON.stringify(error)).not.toContain('s3cret')
  })

  test('has no schema of such a name', async () => {
    const url = 'postgres://postgres@127.0.0.1/none'
    await expectError(openPostgres({ url, release, schema: 'a"b' }), 'MILL_CONFIG_INVALID')
  })
})

describe.skipIf(!hasPostgres)('connections', () => {
  const bench = new PostgresBench()

  test('a database or user that is not there is an error of rights, not of the network', async () => {
    const url = new URL(bench.url)
    url.pathname = '/millrace_not_there'
    const storage = await bench.open({ url: url.href })
    expect(await thrownBy(storage.now())).toMatchObject({ code: 'MILL_STORAGE_AUTH', retryable: false })
    url.pathname = new URL(bench.url).pathname
    url.username = 'millrace_nobody'
    const other = await bench.open({ url: url.href })
    await expectError(other.now(), 'MILL_STORAGE_AUTH')
  })

  test('tables that are not there are a missing schema', async () => {
    const storage = await bench.open({ schema: 'elsewhere' })
    await expectError(storage.lanes.heads(), 'MILL_SCHEMA_MISSING')
    await expectError(storage.schema.check(), 'MILL_SCHEMA_MISSING')
  })

  test('a statement that waits too long for a lock ends, with a known outcome', async () => {
    const storage = await bench.open({ queryTimeoutMs: 500 })
    const { run, lease } = await bench.leased()
    const client = await bench.client()
    await client.query('begin')
    await client.query('select from millrace.lease where id = $1 for update', [lease])
    const error = await thrownBy(storage.executions.settle([decision(run)], []))
    expect(error).toMatchObject({
      code: 'MILL_STORAGE_UNAVAILABLE',
      data: { unknown: false, sqlstate: '57014' },
    })
    await client.query('rollback')
    expect(await bench.settle([decision(run)])).toEqual([])
  })

  test('behind a pooler the client ends it: the connection is destroyed and the outcome unknown', async () => {
    const storage = await bench.open({ queryTimeoutMs: 500, pooler: 'transaction' })
    const { run, lease } = await bench.leased()
    const client = await bench.client()
    await client.query('begin')
    await client.query('select from millrace.lease where id = $1 for update', [lease])
    const error = await thrownBy(storage.executions.settle([decision(run)], []))
    expect(error).toMatchObject({ code: 'MILL_STORAGE_UNAVAILABLE', data: { unknown: true } })
    const looked = bench.storage.executions.settled([decision(run)])
    await client.query('rollback')
    const known = await looked
    // The old backend went on: what it did is seen, and a repeat can only fail or be new.
    expect(known.length).toBeLessThanOrEqual(1)
    expect(await storage.now()).toBeGreaterThan(0)
  })

  test('backends that are killed, idle or at work, cost a statement at most', async () => {
    const storage = await bench.open({ url: bench.urlWith('application_name', 'victim') })
    const lane = await bench.lane()
    for (let round = 0; round < 5; round++) {
      await Promise.all([storage.now(), storage.lanes.heads(), storage.workers.renew(1, 1_000)])
      const works = Array.from({ length: 20 }, () => thrownBy(storage.jobs.enqueue([newJob(lane)])))
      await bench.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'",
      )
      for (const error of await Promise.all(works)) {
        if (error !== undefined) expect(error).toMatchObject({ code: 'MILL_STORAGE_UNAVAILABLE' })
      }
      await eventually(async () => (await thrownBy(storage.lanes.heads())) === undefined)
    }
  })

  test('hot connections plan without scans, claims do not wait for the disk, users have plain settings', async () => {
    const storage = await bench.open({ url: bench.urlWith('application_name', 'settings') })
    const tx = await storage.begin({ token: null, idleTimeoutMs: 1_000, writeTimeoutMs: 0 })
    const [row] = await tx.query(
      [
        "select current_setting('enable_seqscan') as scan, current_setting('jit') as jit, current_setting('synchronous_commit') as sync",
      ],
      [],
    )
    expect(row).toMatchObject({ scan: 'on', sync: 'on' })
    await tx.rollback()
    const url = new URL(bench.url)
    url.searchParams.set('options', '-c work_mem=5MB')
    const other = await bench.open({ url: url.href })
    const inside = await other.begin({ token: null, idleTimeoutMs: 1_000, writeTimeoutMs: 0 })
    expect(await inside.query(["select current_setting('work_mem') as memory"], [])).toEqual([
      { memory: '5MB' },
    ])
    await inside.rollback()
  })

  test('a BEGIN that fails half-way leaves no transaction open on the connection', async () => {
    const storage = await bench.open({ poolSize: 1 })
    const bad = { token: null, idleTimeoutMs: 1e12, writeTimeoutMs: 0 }
    await expectError(storage.begin(bad), 'MILL_STORAGE_QUERY')
    expect(await storage.now()).toBeGreaterThan(0)
    const tx = await storage.begin({ ...bad, idleTimeoutMs: 1_000 })
    await tx.query(['select 1'], [])
    await tx.commit()
  })

  test('close ends everything, also what is under way, and says so ever after', async () => {
    const storage = await bench.open()
    await storage.wakeups.start()
    const { lease, run } = await bench.leased()
    const client = await bench.client()
    await client.query('begin')
    await client.query('select from millrace.lease where id = $1 for update', [lease])
    const waits = thrownBy(storage.executions.settle([decision(run)], []))
    const tx = await storage.begin({ token: null, idleTimeoutMs: 1_000, writeTimeoutMs: 0 })
    await eventually(async () => (await blocked()) > 0)
    await Promise.all([storage.close(), storage.close()])
    expect(await waits).toMatchObject({ code: 'MILL_STORAGE_CLOSED' })
    await expectError(storage.now(), 'MILL_STORAGE_CLOSED')
    await expectError(
      storage.begin({ token: null, idleTimeoutMs: 1, writeTimeoutMs: 0 }),
      'MILL_STORAGE_CLOSED',
    )
    expect(await thrownBy(tx.commit())).toBeDefined()
    await tx.rollback()
    await storage.close()
    await client.query('rollback')
  })

  async function blocked(): Promise<number> {
    const rows = await bench.sql(
      `select from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
    )
    return rows.length
  }
})
