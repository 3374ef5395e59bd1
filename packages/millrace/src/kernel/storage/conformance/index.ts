import { describe } from 'vitest'
import { abort } from './abort.ts'
import { claim } from './claim.ts'
import { concurrency } from './concurrency.ts'
import { controls } from './controls.ts'
import { documents } from './documents.ts'
import { enqueue } from './enqueue.ts'
import { flexQueueOrder } from './flex-queue-order.ts'
import { flexQueue } from './flex-queue.ts'
import { handBack } from './hand-back.ts'
import { history } from './history.ts'
import { lanes } from './lanes.ts'
import { keep } from './keep.ts'
import { limits } from './limits.ts'
import { prune } from './prune.ts'
import { reader, readsBesideTransactions } from './reader.ts'
import { rescue } from './rescue.ts'
import { schedules } from './schedules.ts'
import { schema } from './schema.ts'
import { settle } from './settle.ts'
import { snapshots } from './snapshots.ts'
import { state } from './state.ts'
import { steering } from './steering.ts'
import { transaction } from './transaction.ts'
import { turns } from './turns.ts'
import { uniqueRivals } from './unique-rivals.ts'
import { unique } from './unique.ts'
import { values } from './values.ts'
import { waiting } from './waiting.ts'
import { wakeups, wakeupsBetweenProcesses } from './wakeups.ts'
import { workers } from './workers.ts'
import type { Open } from './subject.ts'

export type { Open, Subject } from './subject.ts'

const areas = [
  schema,
  lanes,
  enqueue,
  unique,
  uniqueRivals,
  claim,
  limits,
  turns,
  flexQueue,
  flexQueueOrder,
  settle,
  keep,
  transaction,
  reader,
  handBack,
  waiting,
  rescue,
  workers,
  abort,
  controls,
  history,
  prune,
  documents,
  schedules,
  snapshots,
  state,
  steering,
  wakeups,
  values,
  concurrency,
]

/**
 * What every storage must do, area by area. Runs against real databases. Exceptions: `alone`, a database that lives in one
 * process, has nobody whom a wake-up between processes could reach, and one connection, which shows what is not committed.
 */
export function conformance(name: string, open: Open, { alone = false } = {}): void {
  describe(name, () => {
    for (const area of areas) area(open)
    if (alone) return
    wakeupsBetweenProcesses(open)
    readsBesideTransactions(open)
  })
}
