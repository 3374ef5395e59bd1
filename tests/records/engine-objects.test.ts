import { describe, expect, test } from 'vitest'
import { openPostgres } from '../../packages/millrace/src/kernel/postgres/open.ts'
import type { JobId, Lane } from '../../packages/millrace/src/kernel/rules/execution.ts'
import { outcomes, type OutcomeName } from '../../packages/millrace/src/kernel/rules/outcome.ts'
import { jobStatuses, type JobStatus } from '../../packages/millrace/src/kernel/rules/status.ts'
import { openSqlite } from '../../packages/millrace/src/kernel/sqlite/open.ts'
import {
  Bench,
  decision,
  finalizerOf,
  type newJob,
  oops,
  retry,
  standing,
} from '../../packages/millrace/src/kernel/storage/conformance/fixtures.ts'
import type { Open } from '../../packages/millrace/src/kernel/storage/conformance/subject.ts'
import { jobView, type JobView } from '../../packages/millrace/src/mill/job-view.ts'
import { Access } from '../../packages/millrace/src/records/access/access.ts'
import { engineObjects } from '../../packages/millrace/src/records/engine/engine-objects.ts'
import type { Statement } from '../../packages/millrace/src/records/database.ts'
import { Schema } from '../../packages/millrace/src/records/object/schema.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { compile, type ResultRecord } from '../../packages/millrace/src/records/sql/compile.ts'
import { createTestDatabase } from '../support/postgres.ts'

const release = '0.1.0'
const engineSchema = 'other_mill'
const schema = new Schema(engineObjects(engineSchema))
const access = new Access(schema)

const onSqlite: Open = async () => {
  const storage = await openSqlite({ path: ':memory:', release })
  return { storage, dispose: () => storage.close() }
}
const onPostgres: Open = async () => {
  const database = await createTestDatabase()
  if (database === undefined) throw new Error('there is no PostgreSQL')
  const storage = await openPostgres({ url: database.url, release, poolSize: 4, schema: engineSchema })
  return {
    storage,
    dispose: async () => {
      await storage.close()
      await database.drop()
    },
  }
}
const probe = await createTestDatabase()
await probe?.drop()

describe('the engine as objects on SQLite', () => engineSuite(onSqlite))
describe.skipIf(probe === undefined)('the engine as objects on PostgreSQL', () => engineSuite(onPostgres))

const ends: readonly OutcomeName[] = [
  ...(['completed', 'completedWithErrors', 'skipped', 'failed', 'expired', 'parked'] as const),
  ...(['aborted', 'replaced'] as const),
]
const badEnds = new Set<OutcomeName>(['failed', 'expired', 'parked', 'aborted'])

function engineSuite(open: Open): void {
  const bench = new Bench(open)

  async function soql(tenant: string, text: string, binds = {}): Promise<ResultRecord[]> {
    const { kind, reader } = bench.storage
    const caller = { tenant, principal: null, timeZone: 'UTC', now: Date.now() } as const
    const compiled = compile(parseSoql(text), { kind, schema, caller, access, binds })
    const { segments, params } = compiled.statement
    return (await reader.query(segments, params, { timeoutMs: 10_000 })).map((row) => compiled.shape(row))
  }

  /** One job for every way to stand there, of one tenant, in several lanes. */
  async function zoo(): Promise<{ tenant: string; jobs: JobId[] }> {
    const lane = await bench.lane()
    const { tenant } = lane
    const other = await bench.lane({ tenant, name: 'other', queue: 'slow' })
    const worker = await bench.worker()
    const jobs: JobId[] = []
    const add = async (where: Lane, ...changes: Parameters<typeof newJob>[1][]) => {
      const made = await bench.enqueue(
        where,
        changes.map((one) => one ?? {}),
      )
      jobs.push(...made.map((one) => one.id))
      return made
    }
    const take = async (where = lane, free = 1_000) => (await bench.take(worker, where, { free })).members[0]!
    for (const name of ends) {
      await add(lane, { prio: 3, options: { runAs: 'ann', tags: ['x'] } })
      await bench.settle([decision(await take(), outcomes[name], badEnds.has(name) ? { error: oops } : {})])
    }
    // Two errors, then a good end with its finalizer still there; then one whose finalizer runs.
    await add(lane, {})
    for (const message of ['first', 'second']) {
      const run = await take()
      await bench.settle([retry(run, 1, { error: { name: 'Error', message: message.repeat(100) } })])
      await bench.awaitReady(run.job)
    }
    const good = await take()
    await bench.settle([decision(good, outcomes.completed, { next: [finalizerOf(good)] })])
    await take()
    // Behind its finalizer, which waits to run, and one whose finalizer runs.
    for (const finalizing of ['ready', 'leased']) {
      const apart = await bench.lane({ tenant, queue: finalizing })
      await add(apart, {})
      const run = await take(apart)
      await bench.settle([decision(run, outcomes.retried, { error: oops, next: [finalizerOf(run)] })])
      if (finalizing === 'leased') await take(apart)
    }
    // A retry that stands beside the finalizer that runs: in ready, and in waiting.
    for (const when of [{ ready: true }, { dueInMs: 60_000, reason: 'retrying' }] as const) {
      const apart = await bench.lane({ tenant, queue: `beside-${'ready' in when ? 'ready' : 'waiting'}` })
      await add(apart, {})
      const run = await take(apart)
      const again = { seq: 0, attempt: 2, care: 0, when }
      await bench.settle([decision(run, outcomes.retried, { error: oops, next: [finalizerOf(run), again] })])
      const { members } = await bench.take(worker, apart, { quota: 1 })
      expect(members.map(({ seq }) => seq)).toEqual([-1])
    }
    // Of one lease: settled, claimed, running, asked to abort, handed back.
    await add(lane, {}, {}, {}, {}, {})
    const { lease, members } = await bench.take(worker, lane, { free: 0 })
    const [done, claimed, running, aborting, back] = members.slice(-5)
    const place = (member: typeof running) => members.indexOf(member!)
    await bench.settle([decision(done!)], standing(lease, [place(running), place(aborting)]))
    expect(await bench.storage.executions.abort(aborting!.job)).toBe('requested')
    expect(claimed).toBeDefined()
    const wait = { dueInMs: 60_000, reason: 'snoozed' } as const
    await bench.storage.executions.handBack([{ ...back!, lease, position: place(back), wait }])
    // Retrying, aborted in the queue, scheduled, ready; in a lane that is paused and one that nobody knows.
    await add(lane, {})
    await bench.settle([retry(await take(), 60_000)])
    const [queued] = await add(lane, {})
    expect(await bench.storage.executions.abort(queued!.id)).toBe('aborted')
    await add(lane, {}, { due: { inMs: 60_000 } }, { parent: jobs[0]! })
    await add(other, {}, { due: { inMs: 60_000 } })
    const paused = await bench.lane({ tenant, queue: `paused-${tenant}` })
    await bench.storage.controls.pause({ kind: 'queue', value: paused.queue }, null)
    await add(paused, {})
    // Another tenant's, in every query's way.
    await bench.enqueue(await bench.lane(), 2)
    return { tenant, jobs: jobs.toSorted() }
  }

  async function views(jobs: readonly JobId[]): Promise<JobView[]> {
    const [pauses, workers] = [await bench.storage.controls.pauses(), await bench.storage.workers.list()]
    return (await bench.storage.history.jobs(jobs)).map((one) => jobView(one, { pauses, workers }))
  }

  const told = (view: JobView) => ({
    Id: view.id,
    ApexClass: { Name: view.name },
    ApexClassId: view.name,
    Status: view.status,
    Substatus: view.substatus,
    CreatedDate: view.createdAt,
    CompletedDate: view.finishedAt,
    ParentJobId: view.parentId,
    Tenant: view.tenant,
    Queue: view.queue,
    Version: view.version,
    Priority: view.priority,
    Attempt: view.attempt,
  })
  const select = `SELECT Id, ApexClass.Name, ApexClassId, Status, Substatus, CreatedDate, CompletedDate, ParentJobId, Tenant, Queue,
    Version, Priority, Attempt FROM AsyncApexJob`

  test("every job is as jobs.get has it, and nobody else's is there", async () => {
    const { tenant, jobs } = await zoo()
    const expected = (await views(jobs)).map(told)
    expect(await soql(tenant, `${select} ORDER BY Id`)).toEqual(expected)
    const substatuses = new Set(expected.map((one) => one.Substatus))
    for (const one of [
      'ready',
      'scheduled',
      'retrying',
      'snoozed',
      'paused',
      'unknownDefinition',
      'finalizing',
    ])
      expect(substatuses).toContain(one)
    for (const one of [
      'claimed',
      'running',
      'aborting',
      'completed',
      'completedWithErrors',
      'skipped',
      'failed',
    ])
      expect(substatuses).toContain(one)
    for (const one of ['expired', 'lost', 'aborted', 'replaced']) expect(substatuses).toContain(one)
  })

  test('by any set of statuses, in any case, the same jobs as without an index', async () => {
    const { tenant, jobs } = await zoo()
    const expected = (await views(jobs)).map(told)
    const sets: JobStatus[][] = [
      ...jobStatuses.map((one) => [one]),
      ['Failed', 'Aborted'],
      ['Queued', 'Preparing', 'Processing', 'Holding'],
      ['Queued', 'Failed'],
      ['Completed', 'Failed', 'Aborted'],
      [...jobStatuses],
    ]
    for (const statuses of sets) {
      const fitting = expected.filter((one) => statuses.includes(one.Status)).reverse()
      const found = await soql(
        tenant,
        `${select} WHERE Status IN :statuses ORDER BY CreatedDate DESC, Id DESC`,
        {
          statuses: statuses.map((one, at) => (at % 2 === 0 ? one : one.toLowerCase())),
        },
      )
      expect(found, statuses.join()).toEqual(fitting)
      const [count] = await soql(tenant, 'SELECT COUNT() FROM AsyncApexJob WHERE Status IN :statuses', {
        statuses,
      })
      expect(count).toEqual({ count: fitting.length })
    }
    const failed = expected.filter((one) => one.Status === 'Failed')
    expect(await soql(tenant, `${select} WHERE (Status = 'failed' AND Priority >= 0) ORDER BY Id`)).toEqual(
      failed,
    )
    expect(await soql(tenant, `${select} WHERE Status = 'Nonsense'`)).toEqual([])
    expect(await soql(tenant, `${select} WHERE Status IN :none`, { none: [] })).toEqual([])
    expect(await soql(tenant, `${select} WHERE Status != 'Failed' ORDER BY Id`)).toEqual(
      expected.filter((one) => one.Status !== 'Failed'),
    )
    expect(await soql(tenant, `${select} WHERE NOT Status = 'Failed' ORDER BY Id`)).toEqual(
      expected.filter((one) => one.Status !== 'Failed'),
    )
    const either = `${select} WHERE Status = 'Failed' OR Queue = 'slow' ORDER BY Id`
    expect(await soql(tenant, either)).toEqual(
      expected.filter((one) => one.Status === 'Failed' || one.Queue === 'slow'),
    )
    expect(
      await soql(tenant, 'SELECT Status, COUNT(Id) n FROM AsyncApexJob GROUP BY Status ORDER BY Status'),
    ).toEqual(
      jobStatuses.flatMap((Status) => {
        const n = expected.filter((one) => one.Status === Status).length
        return n === 0 ? [] : [{ Status, n }]
      }),
    )
  })

  test('by the time of creation to the millisecond, which leads in the id', async () => {
    const lane = await bench.lane()
    const base = Date.parse('2026-01-02T03:04:05.678Z')
    const id = (at: number, n: number) => {
      const hex = (base + at).toString(16).padStart(12, '0')
      return `${hex.slice(0, 8)}-${hex.slice(8)}-7${n}ff-bfff-${'f'.repeat(12)}`
    }
    await bench.enqueue(
      lane,
      [-1, 0, 1, 2].map((at) => ({ id: id(at, at + 1) })),
    )
    const found = async (where: string, binds = {}): Promise<number[]> => {
      const rows = await soql(
        lane.tenant,
        `SELECT CreatedDate FROM AsyncApexJob WHERE ${where} ORDER BY CreatedDate`,
        {
          at: new Date(base),
          ...binds,
        },
      )
      return rows.map((row) => (row['CreatedDate'] as Date).getTime() - base)
    }
    expect(await found('CreatedDate = :at')).toEqual([0])
    expect(await found('CreatedDate > :at')).toEqual([1, 2])
    expect(await found('CreatedDate >= :at')).toEqual([0, 1, 2])
    expect(await found('CreatedDate < :at')).toEqual([-1])
    expect(await found('CreatedDate <= :at')).toEqual([-1, 0])
    expect(await found('CreatedDate != :at')).toEqual([-1, 1, 2])
    expect(await found('NOT (CreatedDate > :at)')).toEqual([-1, 0])
    expect(await found('CreatedDate IN :both', { both: [new Date(base - 1), new Date(base + 2)] })).toEqual([
      -1, 2,
    ])
    expect(await found('CreatedDate > :at AND CreatedDate < 2026-01-02T03:04:05.680Z')).toEqual([1])
    expect(await found("Status = 'Queued' AND CreatedDate >= :at")).toEqual([0, 1, 2])
    expect(await found('CreatedDate > LAST_N_DAYS:3000')).toEqual([])
    expect(await found('CreatedDate = LAST_N_YEARS:3 OR CreatedDate = THIS_YEAR')).toEqual([-1, 0, 1, 2])
    expect(await found('CreatedDate = null')).toEqual([])
  })

  test('what the standards document asks: errors, who, counts, by class', async () => {
    const { tenant } = await zoo()
    const failures = await soql(
      tenant,
      `SELECT Id, ApexClass.Name, Status, ExtendedStatus, NumberOfErrors, JobItemsProcessed, TotalJobItems, CreatedDate, CompletedDate
       FROM AsyncApexJob WHERE Status = 'Failed' AND CreatedDate >= :lookback ORDER BY CreatedDate DESC LIMIT 100`,
      { lookback: new Date(0) },
    )
    expect(failures.map((one) => one['ExtendedStatus'])).toEqual(['oops', 'oops', 'oops'])
    expect(failures[0]).toMatchObject({ NumberOfErrors: 0, JobItemsProcessed: 0, TotalJobItems: 0 })
    const long = await soql(
      tenant,
      "SELECT ExtendedStatus, CreatedById, JobType FROM AsyncApexJob WHERE ExtendedStatus LIKE 'first%'",
    )
    expect(long).toEqual([{ ExtendedStatus: 'first'.repeat(51), CreatedById: null, JobType: 'Queueable' }])
    const mine = "SELECT COUNT() FROM AsyncApexJob WHERE CreatedById = 'ann'"
    expect(await soql(tenant, mine)).toEqual([{ count: ends.length }])
    const guard =
      "SELECT Id FROM AsyncApexJob WHERE ApexClass.Name = 'OTHER' AND Status IN ('Queued', 'Preparing', 'Processing')"
    expect(await soql(tenant, guard)).toHaveLength(2)
    const children =
      "SELECT Name, (SELECT Status FROM AsyncApexJobs WHERE Status = 'Failed') FROM ApexClass WHERE Name IN ('send', 'other') ORDER BY Name"
    expect(await soql(tenant, children)).toEqual([
      { Name: 'other', AsyncApexJobs: [] },
      { Name: 'send', AsyncApexJobs: [{ Status: 'Failed' }, { Status: 'Failed' }, { Status: 'Failed' }] },
    ])
    const parents =
      'SELECT ParentJob.Status, ParentJob.ApexClass.Name FROM AsyncApexJob WHERE ParentJobId != null'
    expect(await soql(tenant, parents)).toEqual([
      { ParentJob: { Status: 'Completed', ApexClass: { Name: 'send' } } },
    ])
    const [all] = await soql(tenant, 'SELECT FIELDS(ALL) FROM AsyncApexJob ORDER BY Id LIMIT 1')
    expect(Object.keys(all ?? {})).toHaveLength(schema.object('AsyncApexJob').fields.length)
  })

  test('monitoring reads no history that it does not show', async () => {
    const { kind } = bench.storage
    const caller = { tenant: 'a', principal: null, timeZone: 'UTC', now: 0 } as const
    for (const where of [
      "Status IN ('Failed', 'Aborted') AND CreatedDate >= :since ORDER BY CreatedDate DESC LIMIT 100",
      "Status IN ('Queued', 'Preparing', 'Processing') AND CreatedDate < :since",
      "Status = 'Completed' ORDER BY CreatedDate DESC LIMIT 100",
      'CreatedDate > :since ORDER BY CreatedDate DESC LIMIT 100',
    ]) {
      const text = `SELECT Id, ApexClass.Name, Status, ExtendedStatus, CreatedDate FROM AsyncApexJob WHERE ${where}`
      const { statement } = compile(parseSoql(text), {
        kind,
        schema,
        caller,
        access,
        binds: { since: new Date(0) },
      })
      // j, d, e and f are jobs and history; only a walk in the order of ids that ends with LIMIT may begin anywhere.
      const steps = await planOf(statement)
      if (kind === 'sqlite') {
        const scans = steps.filter((step) => /^SCAN (j|d|e|f)\b/.test(step))
        expect(scans, where).toEqual(where.startsWith("Status = 'Completed'") ? ['SCAN j'] : [])
        if (where.includes('LIMIT')) expect(steps.join('\n'), where).not.toMatch(/TEMP B-TREE FOR ORDER BY/)
      } else
        expect(
          steps.filter((step) => /Seq Scan on (job|done|failure)\b/.test(step)),
          where,
        ).toEqual([])
    }
  })

  async function planOf({ segments: [first = '', ...others], params }: Statement): Promise<string[]> {
    if (bench.storage.kind === 'sqlite') {
      const explained = [`explain query plan ${first}`, ...others]
      const plan = await bench.storage.reader.query(explained, params, { timeoutMs: 10_000 })
      return plan.map((step) => String(step['detail']))
    }
    return bench.transaction(async (tx) => {
      // A small table is read whole, if it may be: then it is only where no index can serve.
      await tx.query(['set local enable_seqscan = off'], [])
      const plan = await tx.query([`explain (costs off) ${first}`, ...others], params)
      return plan.map((step) => String(step['QUERY PLAN']))
    })
  }
}
