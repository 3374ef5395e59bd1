import { openSqlite } from '../open.ts'
import { createIdSource } from '../../rules/ids.ts'

/** A process of its own that enqueues groups of two as fast as it can; says `ready` first. */
const storage = await openSqlite({ path: process.env.DATABASE ?? '', release: '0.1.0' })
const [lane] = await storage.lanes.intern([
  { tenant: 'neighbour', queue: 'default', name: 'send', version: 1, gated: false },
])
if (!lane) throw new Error('no lane')
const nextId = createIdSource(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
const job = () => ({
  id: nextId(),
  lane: lane.id,
  prio: 5,
  parent: null,
  options: null,
  payload: '{}',
  due: null,
  unique: null,
  args: [],
})
process.stdout.write('ready\n')
for (let group = 0; group < Number(process.env.GROUPS); group += 1) await storage.jobs.enqueue([job(), job()])
await storage.close()
