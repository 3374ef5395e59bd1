import { setInterval } from 'node:timers'
import type { Contestant } from '../contestant.ts'
import { condition } from '../condition.ts'
import { createItems, demandRaisedOnce } from '../items.ts'
import { size, type Entry, type Run, type Sample, type Scenario } from '../scenario.ts'
import { oneUpdate, rangeLoop, rowsLoop } from '../batch/by-hand.ts'
import type { Open } from '../batch/runner.ts'

/** Loaded by whoever is measured alone, so that memory is its own. */
const millrace =
  (which: 'byRange' | 'throughNode' | 'withRecords' | 'withSnapshot'): Open =>
  async (...args) =>
    (await import('../batch/millrace.ts'))[which](...args)
const peer =
  (which: 'pgBoss' | 'pgBossStock' | 'bullmq'): Open =>
  async (...args) =>
    (await import('../batch/peers.ts'))[which](...args)

const runners: Readonly<Record<string, Open>> = {
  millrace: millrace('byRange'),
  'millrace through Node': millrace('throughNode'),
  'millrace records': millrace('withRecords'),
  'millrace snapshot': millrace('withSnapshot'),
  'range loop': rangeLoop,
  'rows loop': rowsLoop,
  'one update': oneUpdate,
  'pg-boss': peer('pgBoss'),
  'pg-boss default': peer('pgBossStock'),
  bullmq: peer('bullmq'),
}

async function raiseAll({ contestant, place, size: { jobs: rows } }: Run, scope: number): Promise<Sample> {
  await createItems(place, rows)
  const runner = await (runners[contestant.name] as Open)(place, scope)
  let most = 0
  const look = (): void => void (most = Math.max(most, process.memoryUsage.rss()))
  const looking = setInterval(look, 50)
  const begun = performance.now()
  await runner.run(rows)
  const ms = performance.now() - begun
  clearInterval(looking)
  look()
  await runner.close()
  await demandRaisedOnce(place, rows)
  return { value: (rows / ms) * 1_000, detail: { rssMb: most / 2 ** 20 } }
}

function atLeastOnce(
  name: string,
  peerName: string,
  {
    settings,
    variant = 'best',
    redis = false,
  }: { settings: string; variant?: Contestant['variant']; redis?: boolean },
): Contestant {
  return {
    ...condition(name, `${settings}; a job per 200 rows, rows through Node in a transaction of their own`),
    peer: peerName,
    variant,
    guarantee: 'at least once: a worker that dies after the write runs the job again',
    keepsHistory: peerName !== 'bullmq',
    ...(redis && { needsRedis: true }),
  }
}

const ours: readonly Entry[] = [
  { contestant: condition('millrace', "defineBatch by: 'range', ctx.sql") },
  { contestant: condition('millrace through Node', 'defineBatch; rows changed in Node, written by ctx.sql') },
  {
    contestant: condition(
      'millrace records',
      'defineBatch; rows changed in Node, written by ctx.records.update',
    ),
  },
]
const byHand: readonly Entry[] = [
  { contestant: condition('range loop', 'no queue: bound, update of the range, position; begin and commit') },
  {
    contestant: condition(
      'rows loop',
      'no queue: rows read, changed in Node and written, position; begin and commit',
    ),
  },
  {
    contestant: condition(
      'one update',
      'all rows in one statement: what the database needs for the work alone',
    ),
  },
]
const peers: readonly Entry[] = [
  {
    contestant: atLeastOnce('pg-boss', 'pg-boss', {
      settings: '8 loops of fetch 50 and complete, pool 10, 8 connections for the rows',
    }),
  },
  {
    contestant: atLeastOnce('bullmq', 'bullmq', {
      settings: 'Redis, appendfsync always; concurrency 8, removeOnComplete, 8 connections for the rows',
      redis: true,
    }),
  },
  {
    contestant: atLeastOnce('pg-boss default', 'pg-boss', {
      settings: 'work as it comes: one job per poll of 2 s, pool 10',
      variant: 'default',
    }),
    share: 0.001,
  },
]

const common = { unit: 'rows/s', better: 'more' } as const

/** Ours and the peers enqueue within the time, too; a peer has the same jobs whatever the scope. */
function batches(name: string, scope: number): Scenario[] {
  const what = `every row of a table raised by one, in chunks of ${scope}, each with how far it has come in one transaction`
  const scenario = {
    ...{ ...common, name, what, size: size(1_000_000), quick: size(400_000) },
    run: (run: Run) => raiseAll(run, scope),
  }
  return [
    { ...scenario, database: 'postgres', entries: [...ours, ...byHand, ...peers] },
    { ...scenario, database: 'sqlite', entries: [...ours, ...byHand] },
  ]
}

/** Ours with records alone, where every row passes through the process. */
const remembering = {
  ...{ ...common, name: 'batch-memory', ours: 'millrace records' },
  what: 'ten million rows raised by a batch of scope 2,000, and the most memory of the process from its opening to its end (rssMb)',
  entries: [
    ...ours.filter(({ contestant }) => contestant.name === 'millrace records'),
    {
      contestant: condition('millrace snapshot', 'the same, over a set of rows that is fixed when it starts'),
    },
    ...byHand.filter(({ contestant }) => contestant.name === 'rows loop'),
  ],
  size: size(10_000_000),
  quick: size(1_000_000),
  run: (run: Run) => raiseAll(run, 2_000),
} as const

export const batch: readonly Scenario[] = [
  ...batches('batch', 2_000),
  ...batches('batch-200', 200),
  { ...remembering, database: 'postgres' },
  { ...remembering, database: 'sqlite' },
]
