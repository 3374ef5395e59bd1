import { execFileSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { createIdSource } from '../../rules/ids.ts'
import { isMillraceError } from '../../rules/errors.ts'
import { openSqlite } from '../open.ts'

/** A process that may not write files beyond a size (ulimit -S -f): writes until that is reached, lifts it, goes on. */
const path = process.env.DATABASE ?? ''
const storage = await openSqlite({ path, release: '0.1.0' })
await storage.schema.migrate()
const [lane] = await storage.lanes.intern([
  { tenant: 't', queue: 'default', name: 'send', version: 1, gated: false },
])
if (!lane) throw new Error('no lane')
const nextId = createIdSource(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
const job = (size: number) => ({
  id: nextId(),
  lane: lane.id,
  prio: 5,
  parent: null,
  options: null,
  payload: JSON.stringify('x'.repeat(size)),
  due: null,
  unique: null,
  args: [],
})
const caught = async (work: () => Promise<unknown>) => {
  try {
    await work()
    return null
  } catch (error) {
    return isMillraceError(error) ? error : null
  }
}

const kept: string[] = []
const failure = await caught(async () => {
  for (;;) {
    const one = job(20_000)
    await storage.jobs.enqueue([one])
    kept.push(one.id)
  }
})
const tx = await storage.begin({ token: null, idleTimeoutMs: 0, writeTimeoutMs: 0 })
await tx.query(['create table app as select randomblob(3000000) as much'], [])
const inside = await caught(() => tx.commit())
const lost = await caught(() => tx.commit())

execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited'])
const last = job(200_000)
await storage.jobs.enqueue([last])
const found = await storage.history.jobs(kept)
const afterwards = await storage.history.jobs([last.id])
await storage.close()
const check = new DatabaseSync(path)
const { integrity_check: integrity } = check.prepare('pragma integrity_check').get() ?? {}
check.close()
process.stdout.write(
  JSON.stringify({
    code: failure?.code,
    sqlite: failure?.data.sqlite,
    commit: inside?.code,
    cause: isMillraceError(inside?.cause) ? inside.cause.code : null,
    lost: lost?.code,
    storedOfKept: found.length === kept.length ? 'all' : found.length,
    afterwards: afterwards.length === 1 ? 'stored' : 'gone',
    integrity,
  }),
)
