import { createMill, defineQueueable, type MillConfig } from '../../../packages/millrace/src/index.ts'

// A worker in a process of its own, some of whose handlers do to it what no handler should.

export type Poison =
  'eats memory' | 'exits' | 'leaves a rejection' | 'floods the log' | 'throws nonsense' | 'never settles'

/** The one argument of the process, as JSON. */
export interface PoisonArguments {
  readonly config: MillConfig
}

const nonsense: readonly unknown[] = [
  undefined,
  null,
  'text',
  7n,
  Symbol('s'),
  Object.freeze({ code: 'MILL_FENCED' }),
  new Proxy(
    {},
    {
      get: () => {
        throw new Error('even to look at it throws')
      },
    },
  ),
  Object.defineProperty(new Error('bad'), 'message', {
    get: () => {
      throw new Error('unreadable')
    },
  }),
]

const deeds: Readonly<Record<Exclude<Poison, 'floods the log'>, () => unknown>> = {
  'eats memory': () => {
    const eaten: unknown[] = []
    for (;;) eaten.push(Array.from({ length: 100_000 }, (_, n) => ({ n })))
  },
  exits: () => process.exit(7),
  'leaves a rejection': async () => {
    void Promise.reject(new Error('nobody heeds it'))
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  },
  'throws nonsense': () => {
    throw nonsense[Math.floor(Math.random() * nonsense.length)]
  },
  'never settles': () => new Promise(() => undefined),
}

export const definitions = {
  poison: defineQueueable({
    name: 'poison',
    retry: { attempts: 2, initial: '0' },
    timeout: '2 seconds',
    async execute(poison: Poison, ctx) {
      await ctx.sql`insert into app (ref) values ('written by poison')`
      if (poison === 'floods the log') for (let n = 0; n < 20_000; n += 1) ctx.log.info(`line ${n}`)
      else await deeds[poison]()
    },
  }),
  innocent: defineQueueable({
    name: 'innocent',
    retry: { attempts: 1 },
    execute: (ref: string, ctx) => ctx.sql`insert into app (ref) values (${ref})`,
  }),
}

if (import.meta.main) {
  const { config } = JSON.parse(process.argv[2] ?? '') as PoisonArguments
  const mill = await createMill({ ...config, definitions: Object.values(definitions) })
  process.on('SIGTERM', () => void mill.stop().then(() => process.exit(0)))
  await mill.start()
}
