import { Proxy, type Deafness } from './proxy.ts'
import type { Outcome } from '../run.ts'
import { through, type Target } from '../target.ts'
import { underLoad } from '../under-load.ts'
import { until } from '../until.ts'

export interface NetworkOptions {
  readonly times: number
  readonly workers: number
  readonly seed: number
}

export interface NetworkOutcome extends Outcome {
  /** How often the fault really happened. */
  readonly happened: number
}

/** Opens a proxy before the target, for as long as the work lasts. */
export async function behindProxy<T>(
  target: Target,
  work: (proxy: Proxy, target: Target) => Promise<T>,
): Promise<T> {
  const proxy = await Proxy.start(target.config.storage ?? '')
  try {
    return await work(proxy, through(target, proxy.host, { queryTimeout: '2 seconds' }))
  } finally {
    proxy.stop()
  }
}

/** At random all connections are cut at once, half of the time while the network refuses new ones for a moment. */
export function randomCuts(direct: Target, options: NetworkOptions): Promise<NetworkOutcome> {
  return behindProxy(direct, async (proxy, target) => {
    let happened = 0
    const outcome = await underLoad(target, options, async ({ run, random }) => {
      const refuses = random.chance(0.5)
      if (refuses) proxy.refuse()
      run.did('cut')
      if (proxy.cut() > 0) happened += 1
      if (!refuses) return
      const enough = proxy.refused + random.whole(1, 20)
      await until('connections were refused', 20_000, () => proxy.refused >= enough)
      proxy.heal()
    })
    return { ...outcome, happened }
  })
}

/** At random a connection is cut when a commit has left for the server, which does it. */
export function lostCommits(direct: Target, options: NetworkOptions): Promise<NetworkOutcome> {
  return behindProxy(direct, async (proxy, target) => {
    const outcome = await underLoad(target, options, async ({ run, random }, n) => {
      run.did('lose')
      proxy.loseCommit(random.whole(0, 12))
      await until('a commit is done and its answer lost', 20_000, () => proxy.lost > n)
    })
    return { ...outcome, happened: proxy.lost }
  })
}

const deafnesses: readonly Deafness[] = ['down', 'both', 'up']

/**
 * Every connection stays open and swallows, in one direction or in both, until all leases have lapsed: then new ones work, and the old
 * ones never again. Every second time new ones have worked all along.
 */
export function halfOpens(direct: Target, options: NetworkOptions): Promise<NetworkOutcome> {
  return behindProxy(direct, async (proxy, target) => {
    let happened = 0
    const config = { postgres: { ...target.config.postgres, queryTimeout: '1 second' } } as const
    const outcome = await underLoad(target, { ...options, config }, async ({ run, processes }, n) => {
      const deafness = deafnesses[n % deafnesses.length] ?? 'both'
      run.did('part')
      if (n % 2 === 1) {
        if (proxy.deafenOpen(deafness) > 0) happened += 1
        return
      }
      const open = proxy.deafen(deafness)
      for (const process of processes)
        await run.reaches(
          process,
          'has lost its lease',
          async () => (await run.workerOf(process)) !== 'alive',
        )
      if (open > 0) happened += 1
      run.did('heal')
      proxy.heal()
    })
    return { ...outcome, happened }
  })
}

/** Everything travels slowly, so that a heartbeat takes most of its time; nobody may lose a lease by it. */
export function slow(direct: Target, options: NetworkOptions): Promise<NetworkOutcome> {
  return behindProxy(direct, async (proxy, target) => {
    let happened = 0
    const outcome = await underLoad(target, options, async ({ run, processes }) => {
      proxy.latencyMs = 40
      for (const process of processes) {
        const far = process.settles + 20
        await run.reaches(process, 'works on slowly', () => process.settles >= far)
      }
      if (proxy.late > 0) happened += 1
      proxy.heal()
    })
    return { ...outcome, happened }
  })
}
