import type { Contestant, Place, Queue, Work } from '../contestant.ts'
import { payload, payloads, type Payload } from '../payload.ts'
import { countdown } from '../timing.ts'

type Synchronous = 'FULL' | 'NORMAL'

export const plainjobFull = plainjob('FULL')
/** It sets NORMAL by itself when it opens. */
export const plainjobNormal = plainjob('NORMAL')

function plainjob(synchronous: Synchronous): Contestant {
  const durable = synchronous === 'FULL'
  return {
    name: `plainjob ${synchronous}`,
    peer: 'plainjob',
    variant: durable ? 'best' : 'default',
    settings: `synchronous ${synchronous}${durable ? ' set after it opened' : ', its own choice'}, poll 1 ms`,
    guarantee: durable ? 'at least once' : 'at least once; a power cut may lose acknowledged jobs',
    keepsHistory: true,
    open: (place, work) => openQueue(place, work, synchronous),
  }
}

const silent = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}

async function openQueue({ sqlite }: Place, work: Work, synchronous: Synchronous): Promise<Queue> {
  const { default: Database } = await import('better-sqlite3')
  const { better, defineQueue, defineWorker, JobStatus } = await import('plainjob')
  const db = new Database(sqlite)
  const queue = defineQueue({ connection: better(db), logger: silent })
  db.pragma(`synchronous = ${synchronous}`)
  const write = work === 'write' ? db.prepare('update account set n = n + 1 where id = ?') : null
  return {
    add: async (n) => queue.add('job', payload(n)),
    addMany: async (first, count) => queue.addMany('job', payloads(first, count)),
    async drain(jobs, handle) {
      const { over, tick } = countdown(jobs)
      const worker = defineWorker(
        'job',
        ({ data }) => {
          const { n } = JSON.parse(data) as Payload
          write?.run(n)
          handle(n)
        },
        // Called after the commit that marks the job as done.
        { queue, logger: silent, pollIntervall: 1, onCompleted: tick },
      )
      void worker.start()
      await over
      await worker.stop()
    },
    async counts() {
      const count = (status: number): number => queue.countJobs({ status })
      const { Pending, Processing, Failed, Done } = JobStatus
      return { done: count(Done), left: count(Pending) + count(Processing) + count(Failed) }
    },
    close: async () => queue.close(),
  }
}
