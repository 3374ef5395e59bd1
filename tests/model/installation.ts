import pg from 'pg'
import { admit } from '../../packages/millrace/src/kernel/rules/admit.ts'
import { createRescue } from '../../packages/millrace/src/kernel/rules/rescue.ts'
import { assembleParts } from '../../packages/millrace/src/mill/create-mill.ts'
import type { MillConfig } from '../../packages/millrace/src/mill/config.ts'
import type { MillParts } from '../../packages/millrace/src/mill/mill.ts'
import { TestMill } from '../../packages/millrace/src/testing/test-mill.ts'
import { repeatableChance } from '../../packages/millrace/src/testing/repeatable-chance.ts'
import { VirtualClock } from '../../packages/millrace/src/testing/virtual-clock.ts'
import { mostDeaths } from './model.ts'

/** Long ago, so that on PostgreSQL too every job is older than any retention. */
const start = new Date('2020-01-01T00:00:00Z')
const rescue = createRescue({ maxDeaths: mostDeaths })

/** A mill whose time passes only when it is told to, on either database. */
export interface Installation {
  readonly mill: TestMill
  pass(ms: number): Promise<void>
  /** A worker takes what is ready, begins one of it, dies, and is rescued. Answers what it had taken. */
  crash(): Promise<readonly { readonly job: string; readonly begun: boolean }[]>
  prune(ageMs: number): Promise<void>
  close(): Promise<void>
}

export async function onSqlite(config: MillConfig): Promise<Installation> {
  const clock = new VirtualClock(start)
  const parts = await assembleParts(
    { ...config, storage: 'sqlite::memory:' },
    { clock, databaseNow: () => clock.now(), chance: repeatableChance() },
  )
  const mill = new TestMill(parts, clock, [])
  return {
    ...common(parts, mill),
    pass: async (ms) => clock.moveTo(clock.now() + ms),
    close: () => mill.stop(),
  }
}

const instants = [
  ['waiting', 'due'],
  ['uniq', 'until'],
  ['done', 'finished'],
  ['limit_key', 'at'],
  ['limit_key', 'next'],
] as const
const tables = 'job ready waiting lease done failure result arg uniq permit worker abort pause'.split(' ')

/** PostgreSQL has no clock to inject: instead every instant that is stored moves into the past. */
export async function onPostgres(
  url: string,
  config: MillConfig,
): Promise<Installation & { clear(): Promise<void> }> {
  const clock = new VirtualClock(start)
  const parts = await assembleParts({ ...config, storage: url }, { clock, chance: repeatableChance() })
  const mill = new TestMill(parts, clock, [])
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    ...common(parts, mill),
    async pass(ms) {
      const back = ([table, column]: readonly [string, string]): string =>
        `update millrace.${table} set ${column} = ${column} - interval '${ms} ms'`
      await client.query(instants.map(back).join('; '))
      clock.moveTo(clock.now() + ms)
    },
    async clear() {
      await client.query(tables.map((table) => `delete from millrace.${table}`).join('; '))
    },
    async close() {
      await client.end()
      await mill.stop()
    },
  }
}

function common({ storage }: MillParts, mill: TestMill) {
  return {
    mill,
    async crash() {
      const spec = { host: 'nowhere', pid: 1, release: '0.1.0', knows: [], queues: null }
      const worker = await storage.workers.register(spec, 60_000)
      const heads = (await storage.lanes.heads()).map(({ lane }) => lane)
      const lanes = await storage.lanes.read(heads)
      const quotas = (gated: boolean) =>
        lanes.filter((lane) => lane.gated === gated).map((lane) => ({ lane: lane.id, quota: 2, after: null }))
      const plain = await storage.executions.claim({ worker, quotas: quotas(false), free: 0 })
      const gated = await storage.executions.claimGated({ worker, quotas: quotas(true), free: 0 }, admit)
      const batches = [plain, gated.batch].filter((batch) => batch !== null)
      // The first of each lease begins, and that is recorded.
      const marks = batches.map(({ lease }) => ({ lease, running: [0], finished: false }))
      await storage.executions.settle([], marks)
      await storage.workers.expire(worker)
      for (const lease of await storage.workers.leasesOf(worker))
        await storage.workers.rescueLease(worker, lease, rescue)
      if (!(await storage.workers.bury(worker))) throw new Error('the dead worker was not buried')
      return batches
        .flatMap(({ members }) => members)
        .map(({ job, position }) => ({ job, begun: position === 0 }))
    },
    async prune(ageMs: number) {
      const params = { completedMs: ageMs, failedMs: ageMs, page: 3 }
      // The first walk may begin in the middle.
      for (let walks = 0; walks < 2;) if ((await storage.history.prune(params)).wrapped) walks += 1
    },
  }
}
