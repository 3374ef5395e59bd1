import type { HandlerContext } from '../../packages/millrace/src/index.ts'
import type { BatchPhase, LedgerWriter } from './ledger.ts'
import type { Work } from './work.ts'

/** An execution as events and handlers name it. */
interface Key {
  readonly job: string
  readonly seq: number
  readonly attempt: number
}

export interface Begun {
  readonly work: Work
  readonly intact: boolean
  readonly seq: number
  readonly told?: { readonly result: string; readonly willRetry: boolean }
  readonly phase?: BatchPhase
}

/** Writes down the runs of handlers, each under a token of its own. */
export class Runs {
  readonly ledger: LedgerWriter
  /** Leases by execution, as the engine tells them right before a handler begins. */
  readonly #leases = new Map<string, number>()
  #tokens = 0

  constructor(ledger: LedgerWriter) {
    this.ledger = ledger
  }

  leased(key: Key, lease: number): void {
    this.#leases.set(textOf(key), lease)
  }

  begin(ctx: HandlerContext, { work, intact, seq, told, phase }: Begun): string {
    this.#tokens += 1
    const token = `${this.ledger.process}/${this.#tokens}`
    const key = { job: ctx.jobId, seq, attempt: ctx.attempt }
    const lease = this.#leases.get(textOf(key)) ?? null
    this.#leases.delete(textOf(key))
    this.ledger.write({
      ...{ kind: 'start', token, ...key, lease, work, intact },
      tenant: ctx.tenant,
      ...(told === undefined ? {} : { told }),
      ...(phase === undefined ? {} : { phase }),
    })
    return token
  }

  end(token: string, how: 'returned' | 'threw' | 'snoozed'): void {
    this.ledger.write({ kind: 'end', token, how })
  }
}

function textOf({ job, seq, attempt }: Key): string {
  return `${job} ${seq} ${attempt}`
}
