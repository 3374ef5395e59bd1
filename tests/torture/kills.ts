import { check } from './checker.ts'
import { Findings, lost, type Evidence } from './evidence.ts'
import { plants } from './plants.ts'
import { Random } from './random.ts'
import { leaseMs, Run, type Outcome } from './run.ts'
import type { Sabotage } from './sabotage.ts'
import type { Target } from './target.ts'
import { ToolLoad, type ToolLoadOptions } from './tool-load.ts'
import { NotReached, until } from './until.ts'
import { isBatch, isWork } from './work.ts'
import type { WorkloadProcess } from './workload-process.ts'

export interface KillOptions {
  readonly kills: number
  readonly workers: number
  readonly seed: number
  readonly sabotage?: Sabotage
  /** Batches over so many records, and schedules, run beside the jobs. Default none. */
  readonly records?: number
}

/** Chunks are large where there are many records, so that a run of a few minutes gets through them. */
function toolLoadOf(records: number, kills: number): ToolLoadOptions {
  return {
    records,
    scope: Math.min(200, Math.max(5, Math.round(records / 200))),
    waves: Math.max(1, Math.ceil(kills / 4)),
  }
}

/**
 * A dead process's executions go on within a lease and a rescue period. What the bound has on top is for a machine of two cores
 * on which a dozen processes die and start; `longestRecoveryMs` tells what it really took.
 */
export const recoveryBoundMs = leaseMs + Math.floor(leaseMs / 3) + 8_000

/** How long a kill waits for a chunk; then it comes anyway. */
const chunkBoundMs = 500

/**
 * SIGKILLs at random under load: each victim has produced and worked for a random while, and a new process takes its place at
 * once. Then heals, drains and checks.
 */
export async function randomKills(target: Target, options: KillOptions): Promise<Outcome> {
  const { kills, workers, seed, sabotage, records = 0 } = options
  const tools = records === 0 ? null : toolLoadOf(records, kills)
  const random = new Random(seed)
  const run = new Run(target, seed)
  const start = (): WorkloadProcess =>
    run.start('worker', {
      produces: 'load',
      ...(tools === null ? {} : { scope: tools.scope }),
      ...(sabotage === undefined ? {} : { sabotage, keeperThread: false }),
    })
  try {
    const load = tools === null ? null : await ToolLoad.open(run, random, tools)
    const living = Array.from({ length: workers }, start)
    for (let n = 0; n < kills; n += 1) {
      load?.reached(n / kills)
      const place = random.whole(0, workers - 1)
      const victim = living[place] as WorkloadProcess
      // Often well under way, sometimes right at its start.
      const far = random.chance(0.2) ? random.whole(1, 4) : random.whole(10, 200)
      await run.reaches(victim, 'has come far enough to be killed', () => victim.progress >= far)
      if (load !== null && random.chance(0.5)) await midChunk(victim)
      await run.kill(victim)
      living[place] = start()
    }
    for (const process of living) await run.reaches(process, 'works', () => process.wrote('worker'))
    for (const process of living) process.quiet()
    await load?.finish()
    return await run.finish({ recoveryBoundMs })
  } finally {
    await run.dispose()
  }
}

/** In the midst of a chunk of a batch, if it comes to one soon. */
async function midChunk(victim: WorkloadProcess): Promise<void> {
  try {
    await until('a chunk is under way', chunkBoundMs, () => victim.isAtChunk)
  } catch (error) {
    if (!(error instanceof NotReached)) throw error
  }
}

export interface Planted {
  readonly planted: number
  readonly caught: number
  readonly missed: readonly string[]
}

/** Puts every defect of the list into evidence that was found clean: the checker must see each, or its silence means nothing. */
export function plantAll(evidence: Evidence): Planted {
  const findings = new Findings(evidence)
  const missed: string[] = []
  let planted = 0
  for (const { invariant, name, plant } of plants) {
    const defect = plant(findings)
    if (defect === null) continue
    planted += 1
    if (!check(defect).some((violation) => violation.invariant === invariant))
      missed.push(`${invariant}: ${name}`)
  }
  return { planted, caught: planted - missed.length, missed }
}

/** Ms from the death of a process until its execution was taken from it, the longest of the run. */
export function longestRecoveryMs(evidence: Evidence): number {
  const findings = new Findings(evidence)
  let longest = 0
  for (const row of evidence.rows.done) {
    if (row.outcome !== lost) continue
    for (const { start } of findings.startsOfAttempt(row)) {
      const death = findings.deaths.get(start.process)
      if (death !== undefined && start.lease === row.lease)
        longest = Math.max(longest, row.finished - death.wall)
    }
  }
  return Math.round(longest)
}

/** How many executions of batches died with their process. */
export function deathsInBatches({ rows }: Evidence): number {
  const batches = new Set(
    rows.jobs.filter(({ payload }) => isWork(payload) && isBatch(payload)).map(({ id }) => id),
  )
  return rows.done.filter(({ job, outcome }) => outcome === lost && batches.has(job)).length
}
