import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryDirectory } from '../../tests/support/server-process.ts'
import type { Contestant } from './contestant.ts'
import { ask } from './postgres.ts'
import { startRedis } from './redis.ts'
import type { Order } from './run.ts'
import type { Sample, Scenario } from './scenario.ts'
import { fullName } from './scenarios.ts'

export interface Plan {
  readonly rounds: number
  readonly quick: boolean
  /** Of the jobs; only 1 gives figures worth keeping. */
  readonly scale: number
  /** Connection string of the server; '' where no scenario needs one. */
  readonly server: string
  /** Hears of each run. */
  readonly onSample: (contestant: string, round: number, sample: Sample) => void
}

/** Contestants interleaved within each round, each run on a place of its own. */
export async function measure(
  scenario: Scenario,
  plan: Plan,
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map<string, Sample[]>()
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const { contestant } of scenario.entries) {
      const sample = await runOnce(scenario, contestant, plan)
      samples.set(contestant.name, [...(samples.get(contestant.name) ?? []), sample])
      plan.onSample(contestant.name, round, sample)
    }
  }
  return samples
}

async function runOnce(scenario: Scenario, contestant: Contestant, plan: Plan): Promise<Sample> {
  const name = `millrace_bench_${randomBytes(4).toString('hex')}`
  const directory = temporaryDirectory('millrace-bench-')
  const onPostgres = scenario.database === 'postgres'
  const redis = contestant.needsRedis === true ? await startRedis(directory.path) : null
  try {
    if (onPostgres) await ask(plan.server, `create database ${name}`)
    return await inChild({
      scenario: fullName(scenario),
      contestant: contestant.name,
      quick: plan.quick,
      scale: plan.scale,
      place: {
        postgres: onPostgres ? Object.assign(new URL(plan.server), { pathname: `/${name}` }).href : '',
        sqlite: onPostgres ? '' : join(directory.path, 'bench.db'),
        redis: redis?.port ?? 0,
      },
    })
  } finally {
    await redis?.stop()
    if (onPostgres) await ask(plan.server, `drop database if exists ${name} with (force)`)
    directory.remove()
  }
}

async function inChild(order: Order): Promise<Sample> {
  const args = [join(import.meta.dirname, 'run.ts'), JSON.stringify(order)]
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 600_000 })
    return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Sample
  } catch (error) {
    const { stderr, killed } = error as { stderr?: string; killed?: boolean }
    const why = killed === true ? 'it was not done after 10 minutes' : (stderr ?? String(error))
    throw new Error(`${order.scenario}, ${order.contestant}: ${why}`, { cause: error })
  }
}
