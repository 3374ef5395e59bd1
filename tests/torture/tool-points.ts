import { reachesFault, relieve } from './fault-points.ts'
import { fillItems } from './rows.ts'
import { Run, type Here, type Outcome } from './run.ts'
import type { Target } from './target.ts'
import { smallBatch, type ToolCase } from './tool-cases.ts'
import { runBatch, schedule, schedulesOf, unschedule } from './tool-load.ts'
import type { BatchKind, Work } from './work.ts'

const { records, scope, bad } = smallBatch

/**
 * A process comes to the point of a batch or a schedule and is killed there, frozen past its lease, or loses the answer; another finishes
 * what is left. Rejects when the point was not reached.
 */
export async function toolFaultAt(target: Target, toolCase: ToolCase): Promise<Outcome> {
  const { armed: order } = toolCase
  const { point, action } = order
  const run = new Run(target)
  try {
    const here = await run.startHere({ works: false, scope })
    const under = await prepared(run, here, toolCase)
    const armed = run.start('armed', { armed: order, scope, keeperThread: false })
    if (action === 'kill') armed.expectDeath()
    const ended = under.begin()
    ended.catch(() => undefined)
    // Also when all has ended: what comes after the commit that ends it is a little later than that.
    await reachesFault(run, armed, point)
    await relieve(run, armed, { point, action, approach: { name: '', works: [], scope } })
    await (under.end?.() ?? ended)
    // What a start does with a lost answer of its own is to fail, and to be tried again.
    return await run.finish({ databaseFaults: point.startsWith('page:') })
  } finally {
    await run.dispose()
  }
}

interface Under {
  /** A batch ends by itself; a schedule goes on. */
  readonly begin: () => Promise<void>
  readonly end?: () => Promise<void>
}

async function prepared(run: Run, here: Here, toolCase: ToolCase): Promise<Under> {
  if ('batch' in toolCase) {
    await fillItems(run.target.source, records, bad)
    return { begin: () => runBatch(here, smallWork(toolCase.batch)) }
  }
  const now = Math.ceil(Date.now() / 2_000) * 2_000
  const asked = schedulesOf(now).find(({ name }) => name === toolCase.schedule)
  if (asked === undefined) throw new Error(`there is no schedule ${toolCase.schedule}`)
  const made = await schedule(run, here, asked)
  return { begin: () => new Promise(() => undefined), end: () => unschedule(here, made) }
}

function smallWork(kind: BatchKind): Work {
  return { ref: 'small', kind, runMs: 0, items: { after: 0, upTo: records }, group: 'small', limit: 1 }
}

/** The small batch, met by no fault. */
export async function undisturbed(target: Target, kind: BatchKind): Promise<Outcome> {
  const run = new Run(target)
  try {
    await fillItems(target.source, records, bad)
    const here = await run.startHere({ scope })
    await runBatch(here, smallWork(kind))
    return await run.finish()
  } finally {
    await run.dispose()
  }
}
