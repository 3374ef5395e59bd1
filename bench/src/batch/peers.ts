import type { Job } from 'bullmq'
import pg from 'pg'
import type { PgBoss } from 'pg-boss'
import type { Place } from '../contestant.ts'
import { countdown, until } from '../timing.ts'
import { raise } from './by-hand.ts'
import type { Open, Runner } from './runner.ts'

/** Rows of a job. */
const perJob = 200
const atOnce = 8

interface Range {
  readonly after: number
  readonly to: number
}

function ranges(rows: number): Range[] {
  return Array.from({ length: Math.ceil(rows / perJob) }, (_, k) => ({
    after: k * perJob,
    to: Math.min(rows, (k + 1) * perJob),
  }))
}

/** A transaction of its own: a worker that dies between its commit and the completion has its rows raised again. */
function inPool(place: Place): { handle(range: Range): Promise<void>; end(): Promise<void> } {
  const pool = new pg.Pool({ connectionString: place.postgres, max: atOnce })
  return {
    async handle({ after, to }) {
      const client = await pool.connect()
      await client.query('begin')
      const { rows } = await client.query<{ id: string; n: number }>({
        name: 'read',
        text: 'select id, n from item where id > $1 and id <= $2 order by id',
        values: [after, to],
      })
      await raise(client, rows)
      await client.query('commit')
      client.release()
    },
    end: () => pool.end(),
  }
}

type Handle = (range: Range) => Promise<void>

/** Loops of fetch and complete, each job of a loop after the other. */
async function fetchLoops(boss: PgBoss, handle: Handle): Promise<void> {
  const loop = async (): Promise<void> => {
    for (;;) {
      const jobs = await boss.fetch<Range>('job', { batchSize: 50 })
      for (const { data } of jobs) await handle(data)
      if (jobs.length === 0) return
      await boss.complete(
        'job',
        jobs.map(({ id }) => id),
      )
    }
  }
  await Promise.all(Array.from({ length: atOnce }, loop))
}

async function stockWorker(boss: PgBoss, handle: Handle): Promise<void> {
  await boss.work<Range>('job', async (jobs) => {
    for (const { data } of jobs) await handle(data)
  })
}

export const pgBoss: Open = (place) => openPgBoss(place, fetchLoops)
export const pgBossStock: Open = (place) => openPgBoss(place, stockWorker)

async function openPgBoss(
  place: Place,
  drive: (boss: PgBoss, handle: Handle) => Promise<void>,
): Promise<Runner> {
  const { PgBoss } = await import('pg-boss')
  const boss = new PgBoss({ connectionString: place.postgres, max: 10 })
  boss.on('error', (error) => console.error('pg-boss:', error))
  await boss.start()
  await boss.createQueue('job')
  const { handle, end } = inPool(place)
  const unsettled = async (): Promise<boolean> => {
    const { rows } = (await boss
      .getDb()
      .executeSql(
        `select exists (select from pgboss.job where name = 'job' and state < 'completed') as some`,
      )) as { rows: { some: boolean }[] }
    return rows[0]?.some === true
  }
  return {
    async run(rows) {
      await boss.insert(
        'job',
        ranges(rows).map((data) => ({ data })),
      )
      await drive(boss, handle)
      await until(async () => !(await unsettled()), 2)
    },
    async close() {
      await boss.stop({ graceful: false })
      await end()
    },
  }
}

export const bullmq: Open = async (place) => {
  const bull = await import('bullmq')
  const connection = { host: '127.0.0.1', port: place.redis, maxRetriesPerRequest: null }
  const queue = new bull.Queue<Range>('job', { connection })
  const { handle, end } = inPool(place)
  let stop = (): Promise<void> => Promise.resolve()
  return {
    async run(rows) {
      const jobs = ranges(rows)
      const { over, tick } = countdown(jobs.length)
      await queue.addBulk(jobs.map((data) => ({ name: 'job', data, opts: { removeOnComplete: true } })))
      const worker = new bull.Worker<Range>('job', ({ data }: Job<Range>) => handle(data), {
        connection,
        concurrency: atOnce,
      })
      worker.on('error', (error) => console.error('bullmq:', error))
      // The event follows the answer to the completion.
      worker.on('completed', tick)
      stop = () => worker.close(true)
      await over
    },
    async close() {
      await stop()
      await queue.close()
      await end()
    },
  }
}
