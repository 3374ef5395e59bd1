import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'
import { inFlight64, payload, type Contestant, type Task } from '../contestant.ts'

const logger = new Logger(() => () => undefined)

async function left({ database }: Task): Promise<() => Promise<number>> {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  return async () => Number((await client.query('select count(*) as n from graphile_worker.jobs')).rows[0].n)
}

/** Its best documented settings for throughput (performance of the local queue and of delayed completion). */
export const graphileWorker: Contestant = {
  name: 'graphile-worker',
  settings: 'concurrency 24, pool 10, localQueue.size 2000, complete/failJobBatchDelay 5',
  keepsHistory: false,
  async enqueue64(task) {
    const utils = await makeWorkerUtils({ connectionString: task.database, maxPoolSize: 10, logger })
    await utils.migrate()
    for (let n = 0; n < 200; n += 1) await utils.addJob('noop', payload(n))
    const ms = await inFlight64(task.jobs, (n) => utils.addJob('noop', payload(n)))
    await utils.release()
    return ms
  },
  async drain(task) {
    const utils = await makeWorkerUtils({ connectionString: task.database, logger })
    await utils.migrate()
    await utils.withPgClient(async (client) => {
      await client.query(
        `select graphile_worker.add_jobs(array(select ('noop', json_build_object('n', n, 'text', $2::text), null, now(), 25, null, 0, null)::graphile_worker.job_spec from generate_series(1, $1::int) n))`,
        [task.jobs, payload(0).text],
      )
      await client.query('vacuum analyze')
      await client.query('checkpoint')
    })
    await utils.release()
    const count = await left(task)
    let handled = 0
    const begun = performance.now()
    const runner = await run({
      connectionString: task.database,
      maxPoolSize: 10,
      logger,
      taskList: { noop: () => void (handled += 1) },
      preset: {
        worker: {
          concurrentJobs: 24,
          maxPoolSize: 10,
          localQueue: { size: 2000 },
          completeJobBatchDelay: 5,
          failJobBatchDelay: 5,
        },
      },
    })
    while (handled < task.jobs) await new Promise((resolve) => setTimeout(resolve, 1))
    while ((await count()) > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const ms = performance.now() - begun
    await runner.stop()
    return ms
  },
}
