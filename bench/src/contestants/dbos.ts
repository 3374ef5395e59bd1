import type { DBOSConfig } from '@dbos-inc/dbos-sdk'
import type { Contestant, Place, Queue, Work } from '../contestant.ts'
import { payload, type Payload } from '../payload.ts'
import { ask } from '../postgres.ts'
import { countdown, until } from '../timing.ts'

export const dbos: Contestant = {
  name: 'dbos',
  peer: '@dbos-inc/dbos-sdk',
  variant: 'best',
  settings: 'queue polled each 20 ms, 200 workers, pool 20; it has no bulk call',
  guarantee: 'at least once, steps remembered',
  keepsHistory: true,
  open: openQueue,
}

/** Its documented way to exactly once: a transaction of a data source, which writes down that it ran. */
export const dbosWriting: Contestant = {
  ...dbos,
  settings:
    'queue polled each 20 ms, 200 workers, pool 20; write by runTransaction of the Knex data source, pool 20',
  guarantee: 'a database effect exactly once; the workflow is settled apart, later',
}

async function openQueue({ postgres }: Place, work: Work): Promise<Queue> {
  const { DBOS, DBOSClient } = await import('@dbos-inc/dbos-sdk')
  await DBOS.migrate(postgres)
  const client = await DBOSClient.create({
    systemDatabaseUrl: postgres,
    systemDatabasePoolSize: 20,
    applicationName: 'bench',
  })
  const config: DBOSConfig = {
    name: 'bench',
    systemDatabaseUrl: postgres,
    systemDatabasePoolSize: 20,
    logLevel: 'error',
  }
  const write = work === 'write' ? await writer(postgres) : async (): Promise<void> => undefined
  let launched = false
  return {
    add: (n) => client.enqueue({ workflowName: 'job', queueName: 'jobs' }, payload(n)),
    async drain(jobs, handle) {
      const { over, tick } = countdown(jobs)
      const body = async ({ n }: Payload): Promise<void> => {
        await write(n)
        handle(n)
        tick()
      }
      DBOS.registerWorkflow(body, { name: 'job' })
      DBOS.setConfig(config)
      await DBOS.launch()
      launched = true
      await DBOS.registerQueue('jobs', { workerConcurrency: 200, minPollingIntervalMs: 20 })
      await over
      await until(async () => (await statuses(postgres)).left === 0, 5)
    },
    counts: () => statuses(postgres),
    async close() {
      if (launched) await DBOS.shutdown()
      await client.destroy()
    },
  }
}

async function writer(postgres: string): Promise<(n: number) => Promise<void>> {
  const { KnexDataSource } = await import('@dbos-inc/knex-datasource')
  const config = { client: 'pg', connection: postgres, pool: { min: 2, max: 20 } }
  await KnexDataSource.initializeDBOSSchema(config)
  const source = new KnexDataSource('app', config)
  return async (n) => {
    await source.runTransaction(
      async () => {
        await KnexDataSource.client.raw('update account set n = n + 1 where id = ?', [n])
      },
      { name: 'write', isolationLevel: 'read committed' },
    )
  }
}

async function statuses(postgres: string): Promise<{ done: number; left: number }> {
  const [row] = await ask<{ done: string; left: string }>(
    postgres,
    `select count(*) filter (where status = 'SUCCESS') as done, count(*) filter (where status <> 'SUCCESS') as left
     from dbos.workflow_status`,
  )
  return { done: Number(row?.done), left: Number(row?.left) }
}
