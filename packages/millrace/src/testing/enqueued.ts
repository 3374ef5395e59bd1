import { jobView, type JobView } from '../mill/job-view.ts'
import type { MillParts } from '../mill/mill.ts'
import type { Definition, InputOf } from '../tools/definition.ts'

/** A job as it was enqueued, and what has become of it. */
export interface Enqueued<Input = unknown> extends Omit<JobView, 'input'> {
  readonly input: Input
  /** Not before this instant; null when it may run at once, or has run. */
  readonly dueAt: Date | null
  readonly scenario: string | undefined
  readonly runAs: string | undefined
  /** From 1: how deep it stands in its chain. */
  readonly depth: number
}

const page = 1_000

/** Every job there is, or those of one definition, oldest first. */
export async function enqueued<D extends Definition>(
  { storage }: MillParts,
  definition: D | undefined,
): Promise<Enqueued<InputOf<D>>[]> {
  const filter = definition === undefined ? {} : { name: definition.name, version: definition.version }
  const conditions = { pauses: await storage.controls.pauses(), workers: await storage.workers.list() }
  const found: Enqueued<InputOf<D>>[] = []
  let before: string | null = null
  do {
    const { jobs, next } = await storage.history.list(filter, { before, limit: page })
    for (const record of jobs) {
      const { input, ...view } = jobView(record, conditions)
      const { dueAt } = view.reason
      found.push({
        ...view,
        input: input as InputOf<D>,
        dueAt: dueAt === undefined ? null : new Date(dueAt),
        scenario: record.options?.scenario,
        runAs: record.options?.runAs,
        depth: record.options?.depth ?? 1,
      })
    }
    before = next
  } while (before !== null)
  return found.reverse()
}
