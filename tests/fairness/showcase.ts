import { defineQueueable, type Mill, type MillConfig } from '../../packages/millrace/src/index.ts'
import { systemClock } from '../../packages/millrace/src/kernel/runtime/system-clock.ts'
import { assemble } from '../../packages/millrace/src/mill/create-mill.ts'

/** Tenant A holds a backlog; tenant B comes with a few jobs. */
export interface Case {
  readonly name: string
  /** Queues over which A spreads. */
  readonly queues: number
  /** Of A alone. */
  readonly limits: MillConfig['tenants'] & object
  /** A and B share one limit key of so many slots. */
  readonly shared: number | null
  /** B has worked before and was idle for a while; else it is new. */
  readonly returning: boolean
}

const plain: Case = { name: 'one backlog', queues: 1, limits: {}, shared: null, returning: false }
export const cases: readonly Case[] = [
  plain,
  { ...plain, name: 'a backlog in 1,000 queues', queues: 1_000 },
  { ...plain, name: 'a tenant that returns', returning: true },
  { ...plain, name: 'a backlog under a limit of its own', limits: { a: { concurrency: 2 } } },
  { ...plain, name: 'one shared limit', shared: 3 },
]

export interface Loads {
  /** Jobs of A. */
  readonly backlog: number
  /** Jobs of B. */
  readonly few: number
  readonly workers: number
}

export interface Told {
  /** For each of B's jobs in the order of their starts: how many of A's began since B's enqueue was called. */
  readonly between: readonly number[]
  /** How many of A's may. */
  readonly allowed: readonly number[]
  /** Of A's, not begun when B's last began. */
  readonly backlogLeft: number
  /** From the call of the enqueue to the start, ms: as many jobs of one tenant alone, and B's. */
  readonly idleWaits: readonly number[]
  readonly waits: readonly number[]
}

/** A handler takes about this long, so that the local queue of a worker holds no more than `localQueue`. */
const handlerMs = 2
const concurrency = 4
const localQueue = (concurrency * 250) / handlerMs

/**
 * A's starts before B's k-th: what the workers had taken, then in turns; half as many again for run times that are measured and not
 * equal. Behind a shared limit nothing is taken beyond its slots.
 */
function allowed(k: number, { workers }: Loads, { shared }: Case): number {
  const taken = shared ?? workers * (localQueue + concurrency)
  return taken + (k + 1) * 1.5 + workers * concurrency
}

interface Start {
  readonly tenant: string
  readonly at: number
}

/** The starts, and who waits for so many. */
class Starts {
  readonly all: Start[] = []
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []

  add(tenant: string): void {
    this.all.push({ tenant, at: performance.now() })
    const ready = this.#waiting.filter(({ holds }) => holds())
    if (ready.length === 0) return
    this.#waiting = this.#waiting.filter((one) => !ready.includes(one))
    for (const { resolve } of ready) resolve()
  }

  of(tenant: string): readonly Start[] {
    return this.all.filter((start) => start.tenant === tenant)
  }

  /** Resolves with the start that makes it true. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (holds()) resolve()
      else this.#waiting.push({ holds, resolve })
    })
  }
}

/** One tenant alone, then A's backlog, and B in the middle of it. */
export async function showcase(url: string, one: Case, loads: Loads): Promise<Told> {
  const { queues, limits, shared, returning } = one
  const { backlog, few, workers } = loads
  const starts = new Starts()
  let bStarts = 0
  const work = defineQueueable({
    name: 'work',
    ...(shared === null ? {} : { concurrency: { limit: shared, key: 'shared' } }),
    async execute(_input: null, ctx) {
      if (ctx.tenant === 'b') bStarts += 1
      starts.add(ctx.tenant)
      await new Promise((resolve) => setTimeout(resolve, handlerMs))
    },
  })
  const config: MillConfig = {
    ...{ storage: url, definitions: [work], concurrency, tenants: limits },
    ...{ log: { level: 'ERROR' }, shutdown: '3 seconds', abortGrace: '200 ms' },
  }
  const mills: Mill[] = []
  try {
    for (let n = 0; n < workers; n += 1) mills.push(await assemble(config, { clock: systemClock }))
    const [mill] = mills as [Mill]
    const enqueue = (tenant: string, n: number, queue = 'default') =>
      mill.enqueueMany(work, Array<null>(n).fill(null), { tenant, queue })
    await Promise.all(mills.map((each) => each.start()))

    const idle = returning ? 'b' : 'idle'
    const idleFrom = performance.now()
    await enqueue(idle, few)
    await starts.until(() => starts.all.length === few)
    const idleWaits = starts.all.map(({ at }) => at - idleFrom)

    const perQueue = Math.ceil(backlog / queues)
    await mill.pause({ kind: 'tenant', value: 'a' })
    await Promise.all(Array.from({ length: queues }, (_, n) => enqueue('a', perQueue, `q${n}`)))
    await mill.resume({ kind: 'tenant', value: 'a' })
    // The local queues are A's by then.
    await starts.until(() => starts.all.length >= few + 100)
    const from = starts.all.length
    const before = bStarts
    const calledAt = performance.now()
    await enqueue('b', few)
    await starts.until(() => bStarts === before + few)

    const after = starts.all.slice(from)
    const between: number[] = []
    let a = 0
    for (const { tenant } of after) {
      if (tenant === 'a') a += 1
      if (tenant === 'b') between.push(a)
    }
    return {
      between,
      allowed: between.map((_, k) => allowed(k, loads, one)),
      backlogLeft: perQueue * queues - starts.of('a').length,
      idleWaits,
      waits: after.filter(({ tenant }) => tenant === 'b').map(({ at }) => at - calledAt),
    }
  } finally {
    await Promise.all(mills.map((each) => each.stop()))
  }
}
