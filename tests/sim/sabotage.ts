import { DatabaseSync } from 'node:sqlite'
import type { Storage } from '../../packages/millrace/src/kernel/storage/storage.ts'
import { replacing, sabotaged } from '../torture/sabotage.ts'

/**
 * `fencing`: nobody notices a lost lease. `acknowledgement`: an enqueue is acknowledged before it is written. `rescue`: puts back also what
 * was settled. `keep`: what goes on under a lease is not written there. `scan`: nobody looks for what a lost wake would have told. `leak`: something comes from the machine.
 */
export const sabotages = ['fencing', 'acknowledgement', 'rescue', 'keep', 'scan', 'leak'] as const
export type Sabotage = (typeof sabotages)[number]

const lateMs = 80

/** The database of all with a defect. */
export function sabotagedStorage(shared: Storage, what: Sabotage, file: string): Storage {
  return what === 'rescue' ? puttingBackTheSettled(shared, file) : shared
}

/** The database of one process with a defect. `later` happens only if the process lives then. */
export function sabotagedProcess(
  storage: Storage,
  what: Sabotage,
  later: (ms: number, call: () => void) => void,
): Storage {
  if (what === 'keep') return forgettingWhatGoesOn(storage)
  if (what === 'fencing') return sabotaged(storage, 'fencing')
  if (what === 'scan') return { ...storage, lanes: { ...storage.lanes, heads: async () => [] } }
  if (what === 'leak') return leaking(storage, later)
  if (what !== 'acknowledgement') return storage
  const { jobs } = storage
  return {
    ...storage,
    jobs: {
      ...jobs,
      enqueue: async (list) => {
        later(lateMs, () => void jobs.enqueue(list).catch(() => undefined))
      },
    },
  }
}

function forgettingWhatGoesOn(storage: Storage): Storage {
  return {
    ...storage,
    begin: async (options) => {
      const transaction = await storage.begin(options)
      return replacing(transaction, {
        settle: (decision) =>
          transaction.settle({ ...decision, next: decision.next.filter(({ when }) => !('keep' in when)) }),
      })
    },
  }
}

function puttingBackTheSettled(storage: Storage, file: string): Storage {
  const { workers } = storage
  const putBack = `insert into millrace_ready (lane, prio, job, seq, attempt, care)
    select j.lane, j.prio, d.job, d.seq, d.attempt + 1, 0 from millrace_done d join millrace_job j on j.id = d.job
    where d.lease = ?`
  return {
    ...storage,
    workers: {
      ...workers,
      rescueLease: async (worker, lease, rescue) => {
        const report = await workers.rescueLease(worker, lease, rescue)
        if (report === null) return report
        const db = new DatabaseSync(file, { timeout: 0 })
        try {
          db.prepare(putBack).run(lease)
        } catch {
          // Somebody writes, or it stands there already: next time.
        } finally {
          db.close()
        }
        return report
      },
    },
  }
}

function leaking(storage: Storage, later: (ms: number, call: () => void) => void): Storage {
  const { lanes } = storage
  return {
    ...storage,
    lanes: {
      ...lanes,
      heads: async () => {
        await new Promise<void>((resolve) => later(Math.random(), resolve))
        return lanes.heads()
      },
    },
  }
}
