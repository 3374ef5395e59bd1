import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { createMill, type Mill, type MillConfig } from '../../../packages/millrace/src/index.ts'
import { readRows } from '../rows.ts'
import type { Target } from '../target.ts'
import { testDatabases } from '../test-databases.ts'
import { until } from '../until.ts'
import { definitions, type Poison, type PoisonArguments } from './poison-main.ts'

const databases = await testDatabases()
afterAll(() => databases.drop())

const main = fileURLToPath(new URL('./poison-main.ts', import.meta.url))
const maxDeaths = 2
const innocents = Array.from({ length: 12 }, (_, n) => `innocent ${n}`)

interface Aftermath {
  readonly status: string
  readonly outcomes: readonly string[]
  readonly code: string | undefined
  /** How the worker's processes ended, but for the last, which was stopped. */
  readonly ends: readonly string[]
  readonly app: readonly string[]
}

/** A poisoned job among innocent ones; whenever the worker's process dies, another is started. */
async function survive(poison: Poison, target: Target, lease: string): Promise<Aftermath> {
  const { storage = '', postgres = {} } = target.config
  const config: MillConfig = {
    storage,
    ...(target.kind === 'postgres' ? { postgres } : {}),
    ...{ lease, maxDeaths, concurrency: 4, abortGrace: '200ms', shutdown: '1 second' },
  }
  const ends: string[] = []
  let worker: ChildProcess | null = null
  let mill: Mill | null = null
  const start = (): void => {
    const args: PoisonArguments = { config }
    const child = spawn(process.execPath, ['--max-old-space-size=64', main, JSON.stringify(args)], {
      stdio: 'ignore',
    })
    child.once('exit', (code, signal) => {
      if (worker !== child) return
      ends.push(signal ?? String(code))
      start()
    })
    worker = child
  }
  const stop = async (): Promise<void> => {
    const child = worker
    worker = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  try {
    mill = await createMill({ ...config, definitions: Object.values(definitions) })
    const job = await mill.enqueue(definitions.poison, poison)
    const rest = await mill.enqueueMany(definitions.innocent, innocents)
    start()
    const { jobs } = mill
    const isOver = async (id: string): Promise<boolean> =>
      ['Completed', 'Failed', 'Aborted'].includes((await jobs.get(id)).status)
    await until('all have ended', 60_000, async () => {
      for (const id of [job.id, ...rest]) if (!(await isOver(id))) return false
      return true
    })
    await stop()
    const { status, error } = await jobs.get(job.id)
    const outcomes = (await jobs.attempts(job.id)).map(({ outcome }) => outcome)
    return { status, outcomes, code: error?.code, ends, app: [...(await readRows(target.source)).app] }
  } finally {
    await stop()
    await mill?.stop()
    await target.drop()
  }
}

/** Which database it is matters little to these, so that one of a kind is enough on the second. */
const onBoth: readonly Poison[] = ['exits', 'throws nonsense']

describe.each(databases.all)('a poisoned handler on %s', (kind, open) => {
  const here = <T extends readonly [Poison, ...unknown[]]>(cases: readonly T[]): readonly T[] =>
    cases.filter(([poison]) => kind === 'sqlite' || onBoth.includes(poison))

  test.each(
    here([
      // Node aborts.
      ['eats memory', 'SIGABRT'],
      ['exits', '7'],
      ['leaves a rejection', '1'],
    ] as const),
  )(
    'that %s takes its process along, is parked, and its neighbours are not charged',
    { timeout: 90_000 },
    async (poison, end) => {
      const { status, outcomes, code, ends, app } = await survive(poison, await open(), '1500 ms')
      expect({ status, outcomes, code }).toEqual({
        status: 'Failed',
        outcomes: ['lost', 'parked'],
        code: 'MILL_PARKED',
      })
      expect(ends).toEqual([end, end])
      expect(app).toEqual([...innocents].sort())
    },
  )

  test.each(
    here([
      ['throws nonsense', 'Failed', ['retried', 'failed'], []],
      ['never settles', 'Failed', ['retried', 'failed'], []],
      ['floods the log', 'Completed', ['completed'], ['written by poison']],
    ] as const),
  )('that %s ends alone', { timeout: 90_000 }, async (poison, expected, attempts, written) => {
    const { status, outcomes, ends, app } = await survive(poison, await open(), '3 seconds')
    expect({ status, outcomes, ends }).toEqual({ status: expected, outcomes: attempts, ends: [] })
    expect(app).toEqual([...innocents, ...written].sort())
  })
})
