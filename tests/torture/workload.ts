import {
  defineQueueable,
  type Definition,
  type FinalizerOutcome,
  type HandlerContext,
  type Mill,
} from '../../packages/millrace/src/index.ts'
import type { Clock } from '../../packages/millrace/src/kernel/rules/clock.ts'
import { systemClock } from '../../packages/millrace/src/kernel/runtime/system-clock.ts'
import { batchDefinitions } from './batch-workload.ts'
import type { LedgerWriter } from './ledger.ts'
import { workOf } from './rich-value.ts'
import { Runs } from './runs.ts'
import { childrenOf, hasEffect, maxAttempts, type Kind, type Work } from './work.ts'

const retry = { attempts: maxAttempts, initial: '40ms', max: '150ms' } as const

export interface WorkloadOptions {
  readonly after?: Clock['after']
  readonly scope?: number
}

/** The definitions of the workload, whose handlers write the ledger; over the public face only. */
export class Workload {
  readonly definitions: Readonly<Record<Kind, Definition<Work>>>
  readonly #ledger: LedgerWriter
  readonly #runs: Runs
  readonly #after: Clock['after']
  readonly #snoozed = new Set<string>()

  /** `after` is what the time of its handlers passes by; `scope` the records of a chunk of its batches. */
  constructor(
    ledger: LedgerWriter,
    { after = systemClock.after.bind(systemClock), scope = 20 }: WorkloadOptions = {},
  ) {
    this.#ledger = ledger
    this.#runs = new Runs(ledger)
    this.#after = after
    const execute = (work: Work, ctx: HandlerContext): Promise<unknown> => this.#execute(work, ctx)
    this.definitions = {
      plain: defineQueueable({ name: 'plain', retry, execute }),
      effect: defineQueueable({ name: 'effect', retry, execute }),
      finalized: defineQueueable({
        name: 'finalized',
        retry,
        finalizerRetry: retry,
        execute,
        finalizer: (outcome: FinalizerOutcome<Work>, ctx) => this.#finalize(outcome, ctx),
      }),
      limited: defineQueueable({
        name: 'limited',
        retry,
        concurrency: { limit: 2, key: (work: Work) => work.group ?? 'limited' },
        execute,
      }),
      scheduled: defineQueueable({ name: 'scheduled', retry, execute }),
      ...batchDefinitions(this.#runs, scope, async ({ runMs }, { signal }) => {
        if (runMs > 0) await pause(after, runMs, signal)
      }),
    }
  }

  /** Writes down what the engine says of its executions. */
  attach(mill: Mill): void {
    mill.on((event) => {
      switch (event.kind) {
        case 'worker.started':
          this.#ledger.write({ kind: 'worker', worker: event.worker })
          break
        case 'worker.fenced':
          this.#ledger.write({ kind: 'workerFenced', worker: event.worker })
          break
        case 'execution.started':
          this.#runs.leased(event.key, event.lease)
          break
        case 'execution.ended':
          this.#ledger.write({ kind: 'settled', ...partsOf(event.key), outcome: event.outcome })
          break
        case 'execution.handedBack':
          this.#ledger.write({ kind: 'handedBack', ...partsOf(event.key) })
          break
        case 'execution.fenced':
          this.#ledger.write({ kind: 'fenced', ...partsOf(event.key) })
          break
        case 'schedule.fired':
          this.#ledger.write({
            ...{ kind: 'fired', schedule: event.schedule.id, due: event.due, job: event.job },
          })
          break
        case 'schedule.trouble':
          this.#trouble(`schedule ${event.schedule.name}`, event.error)
          break
        case 'trouble':
          this.#trouble(event.role, event.error)
          break
        case 'schedule.skipped':
        case 'schedule.missed':
        case 'schedule.late':
        case 'flex.filling':
        case 'worker.stopped':
        case 'rescued':
        case 'pruned':
          break
      }
    })
  }

  #trouble(role: string, error: unknown): void {
    const { code = 'none', message = '' } = error as { code?: string; message?: string }
    this.#ledger.write({ kind: 'trouble', role, code, message })
  }

  #execute(work: Work, ctx: HandlerContext): Promise<unknown> {
    return this.#run({ payload: work, ctx, seq: 0 })
  }

  async #finalize(outcome: FinalizerOutcome<Work>, ctx: HandlerContext): Promise<void> {
    const { result, willRetry } = outcome
    await this.#run({ payload: outcome.input, ctx, seq: -outcome.attempt, told: { result, willRetry } })
  }

  async #run(run: {
    readonly payload: Work
    readonly ctx: HandlerContext
    readonly seq: number
    readonly told?: { readonly result: string; readonly willRetry: boolean }
  }): Promise<unknown> {
    const { payload, ctx, seq, told } = run
    const { work, intact } = workOf(payload)
    const token = this.#runs.begin(ctx, { work, intact, seq, ...(told === undefined ? {} : { told }) })
    let how: 'returned' | 'threw' | 'snoozed' = 'threw'
    try {
      await this.#perform(work, ctx, seq)
      if (seq >= 0 && work.snoozes === true && !this.#snoozed.has(ctx.jobId)) {
        how = 'snoozed'
        this.#snoozed.add(ctx.jobId)
        ctx.snooze('60ms')
      }
      if (hasEffect(work, seq))
        await ctx.sql`insert into effect (job, seq, attempt, token) values (${ctx.jobId}, ${seq}, ${ctx.attempt}, ${token})`
      if (seq >= 0) this.#freeze(work, ctx, 'writing')
      await this.#enqueueChildren(work, ctx, seq)
      if (seq >= 0 && ctx.attempt <= (work.fails ?? 0)) throw new Error('a failure that was planned')
      how = 'returned'
      return work.poison === 'settle' ? 'poison' : undefined
    } finally {
      this.#runs.end(token, how)
    }
  }

  async #perform(work: Work, ctx: HandlerContext, seq: number): Promise<void> {
    if (seq < 0) return
    this.#freeze(work, ctx, 'idle')
    if (work.untilSignal === this.#ledger.process) {
      await signalled(ctx.signal)
      if ((work.children ?? 0) === 0) throw ctx.signal.reason
    }
    if (work.runMs > 0) await pause(this.#after, work.runMs, ctx.signal)
  }

  async #enqueueChildren(work: Work, ctx: HandlerContext, seq: number): Promise<void> {
    for (let n = 0; n < childrenOf(work, seq); n += 1) {
      const kind = n % 2 === 0 ? 'plain' : 'effect'
      const child: Work = {
        ref: `${work.ref}/${seq}.${ctx.attempt}.${n}`,
        kind,
        runMs: 1,
        tenant: ctx.tenant,
        parent: { job: ctx.jobId, seq, attempt: ctx.attempt },
      }
      await ctx.enqueue(this.definitions[kind], child)
    }
  }

  #freeze({ freeze }: Work, ctx: HandlerContext, where: 'idle' | 'writing'): void {
    if (freeze?.process !== this.#ledger.process || freeze.where !== where || ctx.attempt !== 1) return
    this.#ledger.write({ kind: 'fault', point: `handler ${where}`, action: 'stop', hit: 1 })
    process.kill(process.pid, 'SIGSTOP')
  }
}

function partsOf({ job, seq, attempt }: { job: string; seq: number; attempt: number }): {
  job: string
  seq: number
  attempt: number
} {
  return { job, seq, attempt }
}

function signalled(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The handler's work: time, until its signal fires. */
function pause(after: Clock['after'], ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel()
      reject(signal.reason as Error)
    }
    const cancel = after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
