import type { ConstructorOptions, PgBoss } from 'pg-boss'
import type { Contestant, Place, Queue } from '../contestant.ts'
import { payload, payloads, type Payload } from '../payload.ts'
import { ask } from '../postgres.ts'
import { countdown, until } from '../timing.ts'

type Handle = (n: number) => void
/** Starts working on queue `job`; calls `tick` for each job that is completed in the database. */
type Drive = (boss: PgBoss, handle: Handle, tick: () => void) => Promise<void>

const common = { peer: 'pg-boss', guarantee: 'at least once', keepsHistory: true } as const

export const pgBoss: Contestant = {
  ...common,
  name: 'pg-boss',
  variant: 'best',
  settings: 'two loops of fetch 1,000 and complete, pool 10',
  open: (place) => openQueue(place, fetchLoops),
}

export const pgBossDefault: Contestant = {
  ...common,
  name: 'pg-boss default',
  variant: 'default',
  settings: 'work as it comes: one job per poll of 2 s, pool 10',
  open: (place) => openQueue(place, worker),
}

/** For latency: workers are woken, so that none waits for its poll. */
export const pgBossNotified: Contestant = {
  ...common,
  name: 'pg-boss',
  variant: 'best',
  settings: 'useListenNotify, queue with notify, work with localConcurrency 10, pool 10',
  open: (place) => openQueue(place, wokenWorker, { useListenNotify: true }),
}

/** A transaction holds a batch: its writes and the completion of its jobs. */
export const pgBossWriting: Contestant = {
  ...common,
  name: 'pg-boss',
  variant: 'best',
  settings: 'work transactional, batchSize 100, burstWhenBatchFull, localConcurrency 8, pool 24',
  guarantee: 'a database effect exactly once per batch of 100: one failure undoes the writes of all',
  open: (place) => openQueue(place, transactionalWorker, { max: 24 }),
}

async function openQueue(
  { postgres }: Place,
  drive: Drive,
  options: ConstructorOptions = {},
): Promise<Queue> {
  const { PgBoss } = await import('pg-boss')
  const boss = new PgBoss({ connectionString: postgres, max: 10, ...options })
  boss.on('error', (error) => console.error('pg-boss:', error))
  await boss.start()
  await boss.createQueue('job', { notify: options.useListenNotify === true })
  const unsettled = async (): Promise<boolean> => {
    const { rows } = (await boss
      .getDb()
      .executeSql(
        `select exists (select from pgboss.job where name = 'job' and state < 'completed') as some`,
      )) as { rows: { some: boolean }[] }
    return rows[0]?.some === true
  }
  return {
    add: (n) => boss.send('job', payload(n)),
    addMany: (first, count) =>
      boss.insert(
        'job',
        payloads(first, count).map((data) => ({ data })),
      ),
    layHistory: (rows) => layHistory(postgres, rows),
    async drain(jobs, handle) {
      const { over, tick } = countdown(jobs)
      await drive(boss, handle, tick)
      await over
      // Completions follow their handlers.
      await until(async () => !(await unsettled()), 2)
    },
    async counts() {
      const [row] = await ask<{ done: string; left: string }>(
        postgres,
        `select count(*) filter (where state = 'completed') as done,
          count(*) filter (where state <> 'completed') as left
         from pgboss.job where name = 'job'`,
      )
      return { done: Number(row?.done), left: Number(row?.left) }
    },
    close: () => boss.stop({ graceful: false }),
  }
}

const fetchLoops: Drive = async (boss, handle, tick) => {
  const loop = async (): Promise<void> => {
    for (;;) {
      const jobs = await boss.fetch<Payload>('job', { batchSize: 1000 })
      for (const { data } of jobs) handle(data.n)
      if (jobs.length > 0)
        await boss.complete(
          'job',
          jobs.map(({ id }) => id),
        )
      for (let n = 0; n < jobs.length; n += 1) tick()
    }
  }
  // They end with the process.
  for (let n = 0; n < 2; n += 1) void loop().catch(() => undefined)
}

const worker: Drive = async (boss, handle, tick) => {
  await boss.work<Payload>('job', async (jobs) => {
    for (const { data } of jobs) handle(data.n)
    jobs.forEach(tick)
  })
}

const wokenWorker: Drive = async (boss, handle, tick) => {
  await boss.work<Payload>('job', { localConcurrency: 10 }, async (jobs) => {
    for (const { data } of jobs) handle(data.n)
    jobs.forEach(tick)
  })
}

const transactionalWorker: Drive = async (boss, handle, tick) => {
  const options = {
    transactional: true,
    batchSize: 100,
    burstWhenBatchFull: true,
    localConcurrency: 8,
    pollingIntervalSeconds: 0.5,
  } as const
  await boss.work<Payload, void, typeof options>('job', options, async (jobs, tx) => {
    for (const { data } of jobs) {
      await tx.executeSql('update account set n = n + 1 where id = $1', [data.n])
      handle(data.n)
    }
    jobs.forEach(tick)
  })
}

async function layHistory(postgres: string, rows: number): Promise<void> {
  await ask(
    postgres,
    `insert into pgboss.job (name, data, state, created_on, started_on, completed_on, keep_until)
     select 'job', $2::jsonb, 'completed', old.at, old.at, old.at, now() + interval '14 days'
     from generate_series(1, $1::int), lateral (select now() - interval '1 day' as at) old`,
    [rows, JSON.stringify(payload(0))],
  )
}
