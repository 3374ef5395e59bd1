import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { systemClock } from '../../packages/millrace/src/kernel/runtime/system-clock.ts'
import { assemble } from '../../packages/millrace/src/mill/create-mill.ts'

/** A worker process whose clock is wrong by so many ms; it dies when it comes to the fault point, if one is named. Ends with its stdin. */
const [, , url = '', skew = '0', dieAt] = process.argv
/** The lease is longer than clocks differ: SQLite judges it by the clock of whoever looks. */
const skewMs = Number(skew)

const tick = defineQueueable({
  name: 'tick',
  async execute(_input, ctx) {
    await ctx.sql`insert into effects (job, note) values (${ctx.jobId}, ${ctx.schedule?.name ?? ''})`
  },
})

const now = (): number => Date.now() + skewMs
const mill = await assemble(
  { storage: url, definitions: [tick], lease: '10 seconds', log: { level: 'ERROR' } },
  {
    clock: { ...systemClock, now },
    ...(url.startsWith('sqlite:') ? { databaseNow: now } : {}),
    faults: {
      hit: (point) => {
        if (point === dieAt) process.kill(process.pid, 'SIGKILL')
      },
    },
  },
)
process.stdin.on('end', () => void mill.stop()).resume()
await mill.start()
