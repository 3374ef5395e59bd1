import pg from 'pg'
import { createMill, defineQueueable, type Mill } from '../../../packages/millrace/src/index.ts'
import { inFlight64, payload, type Contestant, type Task } from '../contestant.ts'

const noop = defineQueueable({ name: 'noop', execute: (_input: { n: number; text: string }) => undefined })

const storageOf = ({ database }: Task): string =>
  database.startsWith('postgres') ? database : `sqlite:${database}`

async function open(task: Task): Promise<Mill> {
  return createMill({
    storage: storageOf(task),
    definitions: [noop],
    concurrency: 24,
    log: { level: 'ERROR' },
  })
}

/** History as an earlier million jobs of this engine would have left it. */
async function layHistory({ database, history, tenants }: Task): Promise<void> {
  if (history === 0 || !database.startsWith('postgres')) return
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  await client.query(
    `with made as (
       select overlay(overlay(md5(n::text || 'x') placing lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 90000000 + n / 20), 12, '0') from 1) placing '7' from 13)::uuid as id,
              (select min(id) from millrace.lane) + n % $2 as lane
       from generate_series(1, $1::int) n
     ), job as (
       insert into millrace.job (id, lane, prio, payload, created)
       select id, lane, 5, '{"n":1,"text":"the quick brown fox jumps over the lazy dog, again and again and again"}', now() - interval '1 day' from made
     )
     insert into millrace.done (job, seq, attempt, outcome, ms, lease, finished) select id, 0, 1, 10, 0.1, 0, now() - interval '1 day' from made`,
    [history, tenants],
  )
  await client.end()
}

async function settle({ database }: Task): Promise<void> {
  if (!database.startsWith('postgres')) return
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  await client.query('vacuum analyze')
  await client.query('checkpoint')
  await client.end()
}

export const millrace: Contestant = {
  name: 'millrace',
  settings: 'durable defaults (SQLite FULL, synchronous_commit on for enqueue and settle), concurrency 24',
  keepsHistory: true,
  async enqueue64(task) {
    const mill = await open(task)
    for (let n = 0; n < 200; n += 1) await mill.enqueue(noop, payload(n))
    const ms = await inFlight64(task.jobs, (n) => mill.enqueue(noop, payload(n)))
    await mill.stop()
    return ms
  },
  async drain(task) {
    const filler = await open(task)
    const inputs = Array.from({ length: task.jobs }, (_, n) => payload(n))
    const share = Math.ceil(task.jobs / task.tenants)
    // The lanes first, so that the history can be laid under them.
    for (let t = 0; t < task.tenants; t += 1)
      await filler.enqueue(noop, payload(0), { tenant: `tenant-${t}`, delay: '1 day' })
    await layHistory(task)
    await Promise.all(
      Array.from({ length: task.tenants }, (_, t) =>
        filler.enqueueMany(noop, inputs.slice(t * share, (t + 1) * share), { tenant: `tenant-${t}` }),
      ),
    )
    await filler.stop()
    await settle(task)
    const mill = await open(task)
    const ms = await new Promise<number>((resolve, reject) => {
      let ended = 0
      const begun = performance.now()
      // The event follows the acknowledged COMMIT of the settle.
      mill.on((event) => {
        if (event.kind === 'execution.ended' && ++ended === task.jobs) resolve(performance.now() - begun)
      })
      mill.start().catch(reject)
    })
    const counts = await mill.jobs.counts()
    if (counts.Completed < Math.min(10_000, task.jobs) || counts.Processing > 0)
      throw new Error(`the drain left ${JSON.stringify(counts)}`)
    await mill.stop()
    return ms
  },
}
