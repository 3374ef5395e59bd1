import type { ConnectionOptions, Job } from 'bullmq'
import pg from 'pg'
import type { Contestant, Place, Queue, Work } from '../contestant.ts'
import { payload, payloads, type Payload } from '../payload.ts'
import { countdown } from '../timing.ts'

const common = { peer: 'bullmq', guarantee: 'at least once', keepsHistory: false } as const

export const bullmq: Contestant = {
  ...common,
  name: 'bullmq',
  variant: 'best',
  settings: 'Redis, appendfsync always; concurrency 100, removeOnComplete',
  needsRedis: true,
  open: (place, work) => openQueue(place, work, 'redis', 100),
}

export const bullmqDefault: Contestant = {
  ...common,
  name: 'bullmq default',
  variant: 'default',
  settings: 'Redis, appendfsync always; concurrency 1, removeOnComplete',
  needsRedis: true,
  open: (place, work) => openQueue(place, work, 'redis', 1),
}

/** Its documentation recommends a pool as large as the concurrency, and measured 8 to 32. */
export const bullmqPostgres: Contestant = {
  ...common,
  name: 'bullmq on postgres',
  variant: 'best',
  settings: 'createPostgresBackend; concurrency 32, pool 32, removeOnComplete',
  open: (place, work) => openQueue(place, work, 'postgres', 32),
}

/** The write is a transaction of its own before the completion. */
export const bullmqWriting: Contestant = {
  ...bullmq,
  settings: `${bullmq.settings}; write through a pool of 32`,
  guarantee: 'at least once: the queue and the write are in different databases',
}

export const bullmqPostgresWriting: Contestant = {
  ...bullmqPostgres,
  settings: `${bullmqPostgres.settings}; write through a pool of 32`,
  guarantee: 'at least once: a worker that dies after the write runs the job again',
}

const options = { removeOnComplete: true }

async function openQueue(
  place: Place,
  work: Work,
  store: 'redis' | 'postgres',
  concurrency: number,
): Promise<Queue> {
  const bull = await import('bullmq')
  const connection = (
    store === 'redis'
      ? { host: '127.0.0.1', port: place.redis, maxRetriesPerRequest: null }
      : { connectionString: place.postgres, max: 32 }
  ) as ConnectionOptions
  if (store === 'postgres') await migrate(place.postgres, bull.runMigrations)
  const backend = store === 'postgres' ? [bull.createPostgresBackend as never] : []
  const queue = new bull.Queue<Payload>('job', { connection }, ...backend)
  const pool = new pg.Pool({ connectionString: place.postgres, max: 32 })
  let stop = (): Promise<void> => Promise.resolve()
  return {
    add: (n) => queue.add('job', payload(n), options),
    addMany: (first, count) =>
      queue.addBulk(payloads(first, count).map((data) => ({ name: 'job', data, opts: options }))),
    async drain(jobs, handle) {
      const { over, tick } = countdown(jobs)
      const process = async ({ data }: Job<Payload>): Promise<void> => {
        if (work === 'write') await pool.query('update account set n = n + 1 where id = $1', [data.n])
        handle(data.n)
      }
      const worker = new bull.Worker<Payload>('job', process, { connection, concurrency }, ...backend)
      worker.on('error', (error) => console.error('bullmq:', error))
      // The event follows the answer to the completion.
      worker.on('completed', tick)
      stop = () => worker.close(true)
      await over
    },
    async counts() {
      const { completed = 0, ...others } = await queue.getJobCounts()
      return { done: null, left: Object.values(others).reduce((sum, n) => sum + n, completed) }
    },
    async close() {
      await stop()
      await queue.close()
      await pool.end()
    },
  }
}

async function migrate(postgres: string, run: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: postgres })
  await client.connect()
  await run(client)
  await client.end()
}
