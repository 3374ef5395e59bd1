import { openAt, windowOf, type Window } from '../kernel/rules/window.ts'
import { Skip, Snooze } from '../kernel/runtime/execution-scope.ts'
import type { ExecutionHandler } from '../kernel/runtime/handler.ts'
import type { Definition } from './definition.ts'
import type { EnqueueOptions } from './enqueue-options.ts'

export interface GateServices {
  /** What `onlyIn` is compared with. */
  readonly environment: string
  /** The database's clock, epoch ms. */
  readonly databaseNow: () => Promise<number>
}

/**
 * The same handler behind the two options that hold for every tool. Both are asked when an execution begins, where a job that stood in the
 * queue, was retried, or came with a copy of another environment's database passes as well: outside its environments the job is skipped, its
 * finalizer too; outside its window each execution, so each chunk of a batch, waits for the window to open.
 */
export function gated(
  handler: ExecutionHandler,
  definition: Definition,
  { environment, databaseNow }: GateServices,
): ExecutionHandler {
  const { onlyIn } = definition.options
  const usual = windowFor(definition, {}, `window of ${definition.name}`)
  return {
    ...handler,
    execute(scope) {
      const { seq, options } = scope.run
      const places = options?.onlyIn ?? onlyIn
      if (places !== undefined && !places.includes(environment))
        return Promise.reject(new Skip(`It runs only in ${places.join(', ')}; this is ${environment}.`))
      const window = options?.window === undefined ? usual : options.window
      if (window === null || seq < 0) return handler.execute(scope)
      return pass(window, databaseNow).then(() => handler.execute(scope))
    },
  }
}

/** What an enqueue says of its hours, else its definition's; null: none. Throws what a bad window deserves. */
export function windowFor(
  { options }: Definition,
  { window = options.window }: Pick<EnqueueOptions, 'window'>,
  where: string,
): Window | null {
  return window === undefined || window === null ? null : windowOf(window, 'UTC', where)
}

async function pass(window: Window, databaseNow: () => Promise<number>): Promise<void> {
  const now = await databaseNow()
  const open = openAt(window, now)
  if (open > now) throw new Snooze(Math.ceil(open - now), 'outsideWindow')
}
