import type { Decision, EndedAttempt } from '../rules/decision.ts'
import type { Claimed } from '../rules/execution.ts'
import type { Result } from '../rules/outcome.ts'
import type { ExecutionScope } from './execution-scope.ts'

/** What a settle is decided from, beside the result. Time and chance are arguments. */
export interface Ending {
  readonly result: Result
  /** Class names of what was thrown, most derived first; for retryOn and abortOn. */
  readonly classes: readonly string[]
  readonly ms: number
  /** Database clock, estimated, epoch ms. */
  readonly now: number
  readonly chance: number
  /** For seq < 0: the attempt it finalizes. */
  readonly ended: EndedAttempt | null
  /** What the execution left in `scope.left`, also one that failed. */
  readonly left: unknown
  /** An abort was asked for and heard: a job that would go on ends instead. */
  readonly aborting: boolean
}

/**
 * One of the kernel's two extension points: what a tool gives for each definition. The kernel claims, opens the
 * scope, runs `execute`, asks `decide` and stores the answer; it knows nothing else of tools.
 */
export interface ExecutionHandler {
  readonly name: string
  readonly version: number
  /** Bound of one attempt of this execution, in ms. */
  timeoutMs(run: Claimed): number
  /** Runs one execution; what it resolves with is the result, as JSON text (undefined: none). */
  execute(scope: ExecutionScope): Promise<string | undefined>
  /** Pure: the change to store. The result text is added by the kernel. */
  decide(run: Claimed, ending: Ending): Decision
}

/** The handlers this process knows, by name and version. */
export class Handlers {
  readonly #handlers = new Map<string, ExecutionHandler>()

  add(handler: ExecutionHandler): void {
    this.#handlers.set(`${handler.name}@${handler.version}`, handler)
  }

  get(name: string, version: number): ExecutionHandler | undefined {
    return this.#handlers.get(`${name}@${version}`)
  }

  get names(): readonly string[] {
    return [...this.#handlers.keys()].sort()
  }
}
