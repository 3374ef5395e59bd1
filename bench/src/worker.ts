// One of several worker processes of a scenario: says that it is there, begins at `go`, tells how many executions it settled.
import type { Place } from './contestant.ts'
import { createMill, defineQueueable } from '../../packages/millrace/src/index.ts'

export interface Told {
  readonly settled: number
}

const place = JSON.parse(process.argv[2] as string) as Place
const mill = await createMill({
  storage: place.postgres === '' ? `sqlite:${place.sqlite}` : place.postgres,
  definitions: [defineQueueable({ name: 'nothing', execute: () => undefined })],
  concurrency: 24,
  log: { level: 'ERROR' },
})
const told: { settled: number } = { settled: 0 }
let telling = false
mill.on(({ kind }) => {
  if (kind !== 'execution.ended') return
  told.settled += 1
  if (telling) return
  // One message for all that is settled by the same commit.
  telling = true
  setImmediate(() => {
    telling = false
    process.send?.(told)
  })
})
// Nobody is there to tell any more.
process.on('disconnect', () => process.exit(1))
process.on('message', (message) => {
  if (message === 'go') void mill.start()
  else void mill.stop().then(() => process.exit())
})
process.send?.(told)
