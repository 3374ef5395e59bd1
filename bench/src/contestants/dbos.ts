import type { DBOSConfig } from '@dbos-inc/dbos-sdk'
import pg from 'pg'
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

/** Its way to exactly once are data sources, but those for Knex (4.5.13) and postgres.js (4.24.16) need what SDK 5.3 no longer has. */
export const dbosWriting: Contestant = {
  ...dbos,
  settings: 'queue polled each 20 ms, 200 workers, pool 20; write by runStep through a pool of 20',
  guarantee: 'at least once: a worker that dies between write and checkpoint runs the step again',
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
  const pool = new pg.Pool({ connectionString: postgres, max: 20 })
  const write = async (n: number): Promise<void> => {
    await pool.query('update account set n = n + 1 where id = $1', [n])
  }
  let launched = false
  return {
    add: (n) => client.enqueue({ workflowName: 'job', queueName: 'jobs' }, payload(n)),
    async drain(jobs, handle) {
      const { over, tick } = countdown(jobs)
      const body = async ({ n }: Payload): Promise<void> => {
        if (work === 'write') await DBOS.runStep(() => write(n), { name: 'write' })
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
      await pool.end()
    },
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
