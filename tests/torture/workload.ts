import {
  defineBatch,
  defineQueueable,
  type BatchContext,
  type BatchDefinition,
  type FinalizerOutcome,
  type HandlerContext,
  type Mill,
  type QueueableDefinition,
} from '../../packages/millrace/src/index.ts'
import type { Clock } from '../../packages/millrace/src/kernel/rules/clock.ts'
import { systemClock } from '../../packages/millrace/src/kernel/runtime/system-clock.ts'
import type { LedgerWriter } from './ledger.ts'
import { workOf } from './rich-value.ts'
import { childrenOf, hasEffect, maxAttempts, type Kind, type Work } from './work.ts'

const retry = { attempts: maxAttempts, initial: '40ms', max: '150ms' } as const

/** The definitions of the workload, whose handlers write the ledger; over the public face only. */
export class Workload {
  readonly definitions: Readonly<Record<Exclude<Kind, 'steps'>, QueueableDefinition<Work>>> & {
    readonly steps: BatchDefinition<Work>
  }
  readonly #ledger: LedgerWriter
  readonly #after: Clock['after']
  /** Leases by execution, as the engine tells them right before a handler begins. */
  readonly #leases = new Map<string, number>()
  readonly #snoozed = new Set<string>()
  #tokens = 0

  /** `after` is what the time of its handlers passes by. */
  constructor(ledger: LedgerWriter, after: Clock['after'] = systemClock.after.bind(systemClock)) {
    this.#ledger = ledger
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
      // A batch, whose chunks may go on under one lease.
      steps: defineBatch({
        name: 'steps',
        retry,
        scope: 1,
        start: async (work: Work, ctx) => {
          await this.#step(ctx)
          return Array.from({ length: work.steps ?? 0 }, (_, at) => ({ at }))
        },
        execute: (_, ctx) => this.#step(ctx),
        finish: (_, ctx) => this.#step(ctx),
      }),
    }
  }

  async #step(ctx: BatchContext<unknown, Work>): Promise<void> {
    await this.#run({ payload: ctx.input, ctx, seq: ctx.chunk })
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
          this.#leases.set(keyOf(event.key), event.lease)
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
        case 'schedule.skipped':
        case 'schedule.missed':
        case 'schedule.late':
        case 'schedule.trouble':
          // It has no schedules.
          break
        case 'trouble': {
          const { code = 'none', message = '' } = event.error as { code?: string; message?: string }
          this.#ledger.write({ kind: 'trouble', role: event.role, code, message })
          break
        }
        case 'flex.filling':
        case 'worker.stopped':
        case 'rescued':
        case 'pruned':
          break
      }
    })
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
    this.#tokens += 1
    const token = `${this.#ledger.process}/${this.#tokens}`
    const key = { job: ctx.jobId, seq, attempt: ctx.attempt }
    const lease = this.#leases.get(keyOf(key)) ?? null
    this.#leases.delete(keyOf(key))
    this.#ledger.write({
      ...{ kind: 'start', token, ...key, lease, work, intact },
      tenant: ctx.tenant,
      ...(told === undefined ? {} : { told }),
    })
    let how: 'returned' | 'threw' | 'snoozed' = 'threw'
    try {
      await this.#perform(work, ctx, seq)
      if (seq >= 0 && work.snoozes === true && !this.#snoozed.has(ctx.jobId)) {
        how = 'snoozed'
        this.#snoozed.add(ctx.jobId)
        ctx.snooze('60ms')
      }
      if (hasEffect(work, seq))
        await ctx.sql`insert into effect (job, seq, attempt, token) values (${key.job}, ${seq}, ${key.attempt}, ${token})`
      if (seq >= 0) this.#freeze(work, ctx, 'writing')
      await this.#enqueueChildren(work, ctx, seq)
      if (seq >= 0 && ctx.attempt <= (work.fails ?? 0)) throw new Error('a failure that was planned')
      how = 'returned'
      return work.poison === 'settle' ? 'poison' : undefined
    } finally {
      this.#ledger.write({ kind: 'end', token, how })
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

function keyOf({ job, seq, attempt }: { job: string; seq: number; attempt: number }): string {
  return `${job} ${seq} ${attempt}`
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
