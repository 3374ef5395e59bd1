import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createMill, defineQueueable, migrate } from '../../packages/millrace/src/index.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { readPages } from './page.ts'

const database = await createTestDatabase()

test.skipIf(!database)('the roles of docs/deployment-postgresql.md suffice', async () => {
  const { url } = database!
  // Roles belong to the server: another run of these tests must not meet them.
  const [owner, worker, caller] = ['owner', 'worker', 'caller'].map(
    (name) => `millrace_${name}_${randomBytes(4).toString('hex')}`,
  ) as [string, string, string]
  const block = readPages()
    .find(({ path }) => path === 'docs/deployment-postgresql.md')
    ?.blocks.find(({ note }) => note === 'roles')
  const statements = (block?.lines ?? [])
    .join('\n')
    .replaceAll('millrace_owner', owner)
    .replaceAll('millrace_worker', worker)
    .replace('on database app', `on database ${new URL(url).pathname.slice(1)}`)
  const double = defineQueueable({
    name: 'double',
    concurrency: 1,
    async execute(n: number, ctx) {
      await ctx.enqueue(noted, null)
      return n * 2
    },
    finalizer: () => undefined,
  })
  const noted = defineQueueable({ name: 'noted', execute: () => 'noted' })
  const as = (role: string): string => Object.assign(new URL(url), { username: role }).href

  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statements)
    expect(await migrate({ storage: as(owner) })).not.toEqual([])

    const mill = await createMill({ storage: as(worker), migrate: false, definitions: [double, noted] })
    await mill.start()
    expect(await (await mill.enqueue(double, 21)).completed({ timeout: '10 seconds' })).toBe(42)

    await client.query(`
      create role ${caller} login;
      grant usage on schema millrace to ${caller};
      grant insert on millrace.job, millrace.ready, millrace.waiting to ${caller};
      grant select, insert on millrace.lane to ${caller}`)
    const other = new pg.Client(as(caller))
    await other.connect()
    const enqueue = `select millrace.enqueue('noted', 'null', tenant => 'other', delay => '1 ms') as id`
    const { rows } = await other.query<{ id: string }>(enqueue)
    await other.end()
    expect(await mill.job(rows[0]!.id).completed({ timeout: '10 seconds' })).toBe('noted')
    await mill.stop()
  } finally {
    await client.query('drop schema if exists millrace cascade')
    for (const role of [owner, worker, caller]) {
      // Whatever step failed before.
      await client.query(`drop owned by ${role}; drop role ${role}`).catch(() => undefined)
    }
    await client.end()
    await database!.drop()
  }
})
