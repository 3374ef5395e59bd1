import type { Contestant, Task } from './contestant.ts'
import { graphileWorker } from './contestants/graphile-worker.ts'
import { millrace } from './contestants/millrace.ts'
import { plainjob } from './contestants/plainjob.ts'

export interface Scenario {
  readonly name: string
  readonly measures: 'drain' | 'enqueue64'
  readonly database: 'postgres' | 'sqlite'
  readonly contestants: readonly Contestant[]
  readonly task: Omit<Task, 'database'>
  /** With --quick. */
  readonly quick: Omit<Task, 'database'>
  /** Jobs of contestants that are too slow for all of them. */
  readonly fewer?: Readonly<Record<string, number>>
}

const sqlite = [millrace, plainjob('FULL'), plainjob('NORMAL')]
const postgres = [millrace, graphileWorker]
const slow = { 'plainjob FULL': 10_000, 'plainjob NORMAL': 20_000 }

/** `npm run bench -- <name>` runs every scenario whose name begins with it. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'drain-postgres-tenants',
    measures: 'drain',
    database: 'postgres',
    contestants: postgres,
    task: { jobs: 200_000, tenants: 1_000, history: 1_000_000 },
    quick: { jobs: 50_000, tenants: 1_000, history: 200_000 },
  },
  {
    name: 'drain-postgres',
    measures: 'drain',
    database: 'postgres',
    contestants: postgres,
    task: { jobs: 200_000, tenants: 1, history: 0 },
    quick: { jobs: 50_000, tenants: 1, history: 0 },
  },
  {
    name: 'drain-sqlite',
    measures: 'drain',
    database: 'sqlite',
    contestants: sqlite,
    task: { jobs: 200_000, tenants: 1, history: 0 },
    quick: { jobs: 100_000, tenants: 1, history: 0 },
    fewer: slow,
  },
  {
    name: 'enqueue-64-postgres',
    measures: 'enqueue64',
    database: 'postgres',
    contestants: postgres,
    task: { jobs: 100_000, tenants: 1, history: 0 },
    quick: { jobs: 40_000, tenants: 1, history: 0 },
    fewer: { 'graphile-worker': 3_000 },
  },
  {
    name: 'enqueue-64-sqlite',
    measures: 'enqueue64',
    database: 'sqlite',
    contestants: sqlite,
    task: { jobs: 200_000, tenants: 1, history: 0 },
    quick: { jobs: 100_000, tenants: 1, history: 0 },
    fewer: slow,
  },
]
