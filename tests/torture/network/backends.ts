import pg from 'pg'
import type { Run } from '../run.ts'
import type { Target } from '../target.ts'
import { underLoad } from '../under-load.ts'
import { until } from '../until.ts'
import type { NetworkOptions, NetworkOutcome } from './cuts.ts'

const others = `from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend' and pid <> all ($1::int[])`

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** The server ends a few of the backends at random, rather those that are in the midst of something. */
export async function killedBackends(target: Target, options: NetworkOptions): Promise<NetworkOutcome> {
  const client = await connected(target.source.place)
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  try {
    let happened = 0
    const outcome = await underLoad(target, options, async ({ run, random }) => {
      run.did('backend')
      const ended = await client.query<{ ended: boolean }>(
        `select pg_terminate_backend(pid) as ended ${others}
         order by state = 'idle', hashint4(pid + $2) limit $3`,
        [rows.map(({ pid }) => pid), random.whole(0, 1_000), random.whole(1, 4)],
      )
      if (ended.rows.some((row) => row.ended)) happened += 1
    })
    return { ...outcome, happened }
  } finally {
    await client.end()
  }
}

/** Somebody takes every connection that the server has, and those of the workers, until each of them has been refused. */
export async function exhausted(target: Target, options: NetworkOptions): Promise<NetworkOutcome> {
  let happened = 0
  const config = { patience: '300ms' } as const
  const outcome = await underLoad(target, { ...options, config }, async ({ run, processes }) => {
    const refusals = processes.map(() => 0)
    run.did('part')
    const filler = new Filler(target.source.place)
    try {
      await filler.takeAll()
      for (const [place, process] of processes.entries())
        await run.reaches(process, 'has been refused, and its caller has heard of it', () => {
          refusals[place] = refusalsOf(run, process.name)
          return refusals[place] > 0
        })
    } finally {
      await filler.leave()
    }
    if (refusals.every((count) => count > 0)) happened += 1
    run.did('heal')
  })
  return { ...outcome, happened }
}

function refusalsOf(run: Run, process: string): number {
  const entries = run.entries().filter((entry) => entry.process === process)
  const heard = entries.some((entry) => entry.kind === 'unknown' && entry.code === 'MILL_STORAGE_UNAVAILABLE')
  const refused = entries.filter(
    (entry) => entry.kind === 'trouble' && /too many clients|slots/.test(entry.message),
  )
  return heard ? refused.length : 0
}

/** Connections that do nothing but be there. */
class Filler {
  readonly #url: string
  #clients: pg.Client[] = []

  constructor(url: string) {
    this.#url = url
  }

  async takeAll(): Promise<void> {
    await until('all connections are taken', 20_000, async () => {
      await this.#take()
      const [first] = this.#clients
      if (first === undefined) return false
      const pids = this.#clients.map((client) => (client as pg.Client & { processID: number }).processID)
      const ended = await first.query(`select pg_terminate_backend(pid) ${others}`, [pids])
      return ended.rows.length === 0
    })
  }

  async leave(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.end()))
  }

  async #take(): Promise<void> {
    try {
      for (;;) this.#clients.push(await connected(this.#url))
    } catch (error) {
      if ((error as { code?: string }).code !== '53300') throw error
    }
  }
}
