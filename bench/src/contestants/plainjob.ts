import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus, type Queue } from 'plainjob'
import { inFlight64, payload, type Contestant, type Task } from '../contestant.ts'

const logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}

function open({ database }: Task, synchronous: 'FULL' | 'NORMAL'): Queue {
  const db = new Database(database)
  const queue = defineQueue({ connection: better(db), logger })
  // It sets NORMAL by itself when it opens.
  db.pragma(`synchronous = ${synchronous}`)
  return queue
}

export function plainjob(synchronous: 'FULL' | 'NORMAL'): Contestant {
  return {
    name: `plainjob ${synchronous}`,
    settings: `synchronous ${synchronous}, poll 1 ms`,
    keepsHistory: true,
    async enqueue64(task) {
      const queue = open(task, synchronous)
      for (let n = 0; n < 200; n += 1) queue.add('noop', payload(n))
      const ms = await inFlight64(task.jobs, async (n) => queue.add('noop', payload(n)))
      queue.close()
      return ms
    },
    async drain(task) {
      const queue = open(task, synchronous)
      queue.addMany(
        'noop',
        Array.from({ length: task.jobs }, (_, n) => payload(n)),
      )
      let done = 0
      const begun = performance.now()
      const ms = await new Promise<number>((resolve) => {
        const worker = defineWorker('noop', () => undefined, {
          queue,
          logger,
          pollIntervall: 1,
          onCompleted: () => {
            if (++done === task.jobs) {
              resolve(performance.now() - begun)
              void worker.stop()
            }
          },
        })
        void worker.start()
      })
      if (queue.countJobs({ status: JobStatus.Done }) !== task.jobs)
        throw new Error('the drain left jobs behind')
      queue.close()
      return ms
    },
  }
}
