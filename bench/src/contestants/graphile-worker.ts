import type { RunnerOptions, TaskList } from 'graphile-worker'
import type { Contestant, Place, Queue, Work } from '../contestant.ts'
import { payload, payloads, type Payload } from '../payload.ts'
import { ask } from '../postgres.ts'
import { countdown, until } from '../timing.ts'

const common = {
  peer: 'graphile-worker',
  guarantee: 'at least once',
  keepsHistory: false,
} as const

/** Its documented settings for throughput: a local queue, and completions written together. */
export const graphileWorker: Contestant = {
  ...common,
  name: 'graphile-worker',
  variant: 'best',
  settings: 'concurrency 24, pool 10, localQueue.size 2000, complete/failJobBatchDelay 5',
  open: (place, work) =>
    openQueue(place, work, {
      maxPoolSize: 10,
      preset: {
        worker: {
          concurrentJobs: 24,
          maxPoolSize: 10,
          localQueue: { size: 2000 },
          completeJobBatchDelay: 5,
          failJobBatchDelay: 5,
        },
      },
    }),
}

export const graphileWorkerDefault: Contestant = {
  ...common,
  name: 'graphile-worker default',
  variant: 'default',
  settings: 'as it comes: concurrency 1, pool 10',
  open: (place, work) => openQueue(place, work, {}),
}

/** The write is a transaction of its own before the completion. */
export const graphileWorkerWriting: Contestant = {
  ...common,
  name: 'graphile-worker',
  variant: 'best',
  settings:
    'concurrency 32, pool 32, localQueue.size 2000, complete/failJobBatchDelay 5; write by helpers.query',
  guarantee: 'at least once: a worker that dies after the write runs the job again',
  open: (place, work) =>
    openQueue(place, work, {
      maxPoolSize: 32,
      preset: {
        worker: {
          concurrentJobs: 32,
          maxPoolSize: 32,
          localQueue: { size: 2000 },
          completeJobBatchDelay: 5,
          failJobBatchDelay: 5,
        },
      },
    }),
}

async function openQueue(place: Place, work: Work, options: RunnerOptions): Promise<Queue> {
  const { Logger, makeWorkerUtils, run } = await import('graphile-worker')
  const shared = { connectionString: place.postgres, logger: new Logger(() => () => undefined) }
  const utils = await makeWorkerUtils({ ...shared, maxPoolSize: 10 })
  await utils.migrate()
  const left = async (): Promise<number> => {
    const rows = await utils.withPgClient((client) =>
      client.query<{ n: string }>('select count(*) as n from graphile_worker._private_jobs'),
    )
    return Number(rows.rows[0]?.n)
  }
  let stop = (): Promise<unknown> => Promise.resolve()
  return {
    add: (n) => utils.addJob('job', payload(n)),
    addMany: (first, count) =>
      utils.addJobs(payloads(first, count).map((job) => ({ identifier: 'job', payload: job }))),
    async drain(jobs, handle) {
      const { over, tick } = countdown(jobs)
      const taskList: TaskList = {
        job:
          work === 'nothing'
            ? (job) => {
                handle((job as Payload).n)
                tick()
              }
            : async (job, { query }) => {
                await query('update account set n = n + 1 where id = $1', [(job as Payload).n])
                handle((job as Payload).n)
                tick()
              },
      }
      const runner = await run({ ...shared, ...options, taskList, noHandleSignals: true })
      stop = () => runner.stop()
      await over
      // Completed jobs are deleted, a moment after their handlers.
      await until(async () => (await left()) === 0)
    },
    async counts() {
      const [row] = await ask<{ n: string }>(
        place.postgres,
        'select count(*) as n from graphile_worker._private_jobs',
      )
      return { done: null, left: Number(row?.n) }
    },
    async close() {
      await stop()
      await utils.release()
    },
  }
}
