import type { FaultPoint } from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import type { Setting } from './evidence.ts'
import { type FaultCase } from './fault-cases.ts'
import { makeOlder, readRows, type Rows } from './rows.ts'
import { Run, type Outcome } from './run.ts'
import type { Target } from './target.ts'
import type { Work } from './work.ts'
import type { WorkloadProcess } from './workload-process.ts'

function workOfVictim(process: string): Work[] {
  return [
    ...['effect', 'finalized', 'limited'].map((kind, n) => ({
      ref: `${process} ${n}`,
      kind: kind as Work['kind'],
      runMs: 0,
      limit: 2,
      freeze: { process, where: 'idle' as const },
    })),
    ...[1, 2, 3, 4].map((n): Work => ({ ref: `${process} waiting ${n}`, kind: 'plain', runMs: 1 })),
  ]
}

export interface Aftermath {
  /** What happens once the process has done the action at the point. */
  readonly overcome: (run: Run, armed: WorkloadProcess, faultCase: FaultCase) => Promise<void>
  readonly setting?: Partial<Setting>
}

/**
 * A process reaches the point and is killed there, frozen past its lease, or loses the answer. Another finishes what is left;
 * the frozen one wakes up. Rejects when the point was not reached.
 */
export async function faultAt(
  target: Target,
  faultCase: FaultCase,
  { overcome, setting = {} }: Aftermath = { overcome: relieve },
): Promise<Outcome> {
  const { point, action, approach } = faultCase
  const run = new Run(target)
  try {
    const ended = approach.before === 'ended jobs' ? await endedJobs(run) : null
    if (approach.before === 'a dead worker') await deadWorker(run)
    const armed = run.start('armed', {
      armed: { point, nth: 1, action },
      works: approach.producesOnly !== true,
      produces: approach.works,
      keeperThread: false,
      ...(approach.sabotage === undefined ? {} : { sabotage: approach.sabotage }),
      config: {
        shutdown: approach.terminated ? '10ms' : '5 seconds',
        ...(approach.prunes ? { retention: { completed: '1 hour', failed: '1 hour' } } : {}),
      },
    })
    if (action === 'kill') armed.expectDeath()
    if (approach.terminated) {
      await run.reaches(armed, 'runs what will be handed back', () => armed.wrote('start'))
      run.terminate(armed)
    }
    if (approach.disturbed) {
      await run.reaches(armed, 'works', () => armed.wrote('worker'))
      const other = await run.startHere({ works: false })
      await other.enqueueAll([{ ref: 'disturbance', kind: 'plain', runMs: 1 }])
    }
    await reachesFault(run, armed, point)
    await overcome(run, armed, faultCase)
    const prunable = new Set(ended?.rows.jobs.map(({ id }) => id))
    return await run.finish({ prunable, ...setting })
  } finally {
    await run.dispose()
  }
}

export async function reachesFault(run: Run, armed: WorkloadProcess, point: FaultPoint): Promise<void> {
  await run.reaches(armed, `reaches ${point}`, () => armed.wrote('fault') || armed.isGone)
  if (!armed.wrote('fault')) throw new Error(`${armed.name} ended without reaching ${point}`)
}

/** Somebody else comes and finishes what is left; who was frozen wakes up afterwards. */
export async function relieve(
  run: Run,
  armed: WorkloadProcess,
  { action, point, approach }: FaultCase,
): Promise<void> {
  const rival = async (): Promise<void> => {
    const { sabotage, scope } = approach
    const here = await run.startHere({
      ...(sabotage === undefined ? {} : { sabotage }),
      ...(scope === undefined ? {} : { scope }),
    })
    await here.enqueueAll([{ ref: 'afterwards', kind: 'effect', runMs: 1 }])
  }
  if (action === 'kill') {
    await armed.gone
    await rival()
    return
  }
  if (action === 'lose-answer') {
    await rival()
    return
  }
  await run.reaches(armed, 'is frozen', () => armed.isFrozen)
  const isWorker = armed.wrote('worker')
  if (mayBlock(run.target.kind, point)) {
    // Nobody can take its work from it, or get past it, while it holds the database.
    const taking = rival()
    if (isWorker)
      await run.reaches(armed, 'has lost its lease', async () => (await run.workerOf(armed)) !== 'alive')
    run.thaw(armed)
    await taking
    return
  }
  await rival()
  if (isWorker) await run.reaches(armed, 'is buried', async () => (await run.workerOf(armed)) === 'gone')
  run.thaw(armed)
}

/** On SQLite whoever is frozen in a transaction holds the one writer; a migration holds everybody on both. */
function mayBlock(database: 'sqlite' | 'postgres', point: FaultCase['point']): boolean {
  return point === 'migrate:before-commit' || (database === 'sqlite' && point.endsWith(':before-commit'))
}

/** A process that has taken work and dies with it. */
export async function deadWorker(run: Run): Promise<WorkloadProcess> {
  const produces = workOfVictim(run.nameOfNext('victim'))
  const victim = run.start('victim', { produces, keeperThread: false })
  await run.reaches(victim, 'holds work', () => victim.isFrozen)
  await run.kill(victim)
  return victim
}

async function endedJobs(run: Run): Promise<{ rows: Rows }> {
  const here = await run.startHere()
  const kinds = ['plain', 'effect', 'finalized', 'limited'] as const
  await here.enqueueAll(kinds.map((kind) => ({ ref: `ended ${kind}`, kind, runMs: 1 })))
  await run.drain()
  await here.mill.stop()
  await makeOlder(run.target.source)
  return { rows: await readRows(run.target.source) }
}
