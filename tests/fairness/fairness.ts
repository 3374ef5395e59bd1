import { parseArgs } from 'node:util'
import { openDatabase } from './databases.ts'
import { oldestFirst } from './fifo.ts'
import { figuresOf, holds } from './figures.ts'
import { fluidStarts } from './fluid.ts'
import { cases, showcase } from './showcase.ts'
import { simulate } from './simulator.ts'
import { makeTrace } from './trace.ts'

// npm run fairness -- --tenants 100000 --seed 1 [--workers 4] [--planted] [--json]           the order alone, on a virtual clock
// npm run fairness -- --engine sqlite|postgres --backlog 1000000 [--workers 1] [--json]      the real engine

const { values } = parseArgs({
  options: {
    tenants: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string' },
    planted: { type: 'boolean', default: false },
    engine: { type: 'string' },
    backlog: { type: 'string', default: '1000000' },
    json: { type: 'boolean', default: false },
  },
})

const tell = (line: object): void => {
  if (values.json) console.log(JSON.stringify(line))
  else console.log(line)
}

if (values.engine === undefined) simulated()
else await measured(values.engine)

function simulated(): void {
  const [tenants, seed, workers] = [Number(values.tenants), Number(values.seed), Number(values.workers ?? 4)]
  // As many slots as keep the length of the run the same.
  const concurrency = Math.max(5, Math.round(tenants / 400))
  const slots = workers * concurrency
  const trace = makeTrace({ tenants, seed, slots })
  const run = simulate(trace, { workers, concurrency, ...(values.planted ? { order: oldestFirst } : {}) })
  const figures = figuresOf(trace, run, fluidStarts(trace, slots, workers))
  tell({ kind: 'fairness', ...figures, seed, workers, concurrency })
  process.exitCode = holds(figures) ? 0 : 1
}

async function measured(kind: string): Promise<void> {
  if (kind !== 'sqlite' && kind !== 'postgres') throw new Error(`--engine is sqlite or postgres, not ${kind}`)
  const loads = { backlog: Number(values.backlog), few: 100, workers: Number(values.workers ?? 1) }
  for (const one of cases) {
    const database = await openDatabase(kind)
    if (database === undefined) throw new Error('there is no PostgreSQL')
    try {
      const { between, allowed, backlogLeft, idleWaits, waits } = await showcase(database.url, one, loads)
      const fair = between.every((n, k) => n <= (allowed[k] ?? 0))
      tell({
        ...{ kind: 'showcase', engine: kind, case: one.name, ...loads, fair },
        startsBetween: { p50: middle(between), max: Math.max(...between), allowed: allowed.at(-1) },
        waitMs: {
          idleP50: middle(idleWaits),
          idleMax: last(idleWaits),
          p50: middle(waits),
          max: last(waits),
        },
        backlogLeft,
      })
      if (!fair) process.exitCode = 1
    } finally {
      await database.drop()
    }
  }
  // A PostgreSQL server that was started for this ends with the process.
  process.exit()
}

function middle(sorted: readonly number[]): number {
  return Math.round(sorted[sorted.length >> 1] ?? 0)
}

function last(sorted: readonly number[]): number {
  return Math.round(Math.max(...sorted))
}
