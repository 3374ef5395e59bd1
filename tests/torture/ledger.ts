import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Work } from './work.ts'

export type BatchPhase = 'start' | 'execute' | 'finish'

/** Of records: how many, and the sum of their ids. */
export interface Tally {
  readonly count: number
  readonly sum: number
}

/** A schedule as it was asked for; its times follow from this alone. */
export interface Scheduled {
  readonly id: string
  readonly name: string
  /** Its first time, epoch ms; then one every so many ms. */
  readonly first: number
  readonly everyMs: number
  readonly overlap: 'allow' | 'skip' | 'queue' | 'cancelPrevious'
  readonly misfire: 'fireOnce' | 'skip' | 'fireAll'
}

/** What a process writes down of itself, before and after everything it does. */
export type Event =
  | { readonly kind: 'began'; readonly pid: number; readonly role: string }
  | {
      readonly kind: 'call'
      readonly call: number
      readonly op: 'enqueue' | 'many' | 'transaction' | 'abort' | 'retryFailed'
      readonly works: readonly Work[]
      /** For `abort` and `retryFailed`. */
      readonly job?: string
    }
  /** Acknowledged. */
  | {
      readonly kind: 'ok'
      readonly call: number
      /** In the order of the works. */
      readonly jobs: readonly string[]
      /** The unique key was taken: `jobs` is its holder. */
      readonly duplicate?: true
      /** What abort said. */
      readonly answer?: string
    }
  /** Refused: certainly not in the database. */
  | { readonly kind: 'fail'; readonly call: number; readonly code: string }
  | { readonly kind: 'unknown'; readonly call: number; readonly code: string }
  /** A handler begins. `token` is its own, `lease` what it was claimed under. */
  | {
      readonly kind: 'start'
      readonly token: string
      readonly job: string
      readonly seq: number
      readonly attempt: number
      readonly lease: number | null
      readonly work: Work
      /** As the handler's context says. */
      readonly tenant: string
      /** The payload is what was enqueued. */
      readonly intact: boolean
      /** For a finalizer: what it was told. */
      readonly told?: { readonly result: string; readonly willRetry: boolean }
      /** For a batch: which of its functions. */
      readonly phase?: BatchPhase
    }
  /** What the run of a chunk found to do, before it did it. */
  | ({ readonly kind: 'chunk'; readonly token: string; readonly bad: number } & Tally)
  | { readonly kind: 'end'; readonly token: string; readonly how: 'returned' | 'threw' | 'snoozed' }
  /** What the engine said of an attempt: acknowledged, given back, or fenced. */
  | {
      readonly kind: 'settled'
      readonly job: string
      readonly seq: number
      readonly attempt: number
      readonly outcome: string
    }
  | { readonly kind: 'handedBack'; readonly job: string; readonly seq: number; readonly attempt: number }
  | { readonly kind: 'fenced'; readonly job: string; readonly seq: number; readonly attempt: number }
  /** What the engine said of a fire that it started. */
  | { readonly kind: 'fired'; readonly schedule: string; readonly due: number; readonly job: string }
  | ({ readonly kind: 'scheduled' } & Scheduled)
  /** It fires no more. All that was due up to then had been seen to be decided. */
  | { readonly kind: 'unscheduled'; readonly schedule: string; readonly upTo: number }
  /** Of a batch nothing is set aside any more, said the engine. */
  | { readonly kind: 'allApplied'; readonly job: string }
  | { readonly kind: 'worker'; readonly worker: number }
  | { readonly kind: 'workerFenced'; readonly worker: number }
  /** A look at a job: `from` is when it was asked (as `at`). */
  | { readonly kind: 'seen'; readonly job: string; readonly from: number; readonly status: string }
  /** A list of one tenant's jobs. */
  | { readonly kind: 'listed'; readonly tenant: string; readonly jobs: readonly string[] }
  | { readonly kind: 'trouble'; readonly role: string; readonly code: string; readonly message: string }
  /** A fault point was reached and its action follows. */
  | { readonly kind: 'fault'; readonly point: string; readonly action: string; readonly hit: number }
  /** It was asked to enqueue no more, or had a list, and all is answered. */
  | { readonly kind: 'produced' }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'stopped' }
  /** What the harness did to a process, or to the database server and the way to it (`target` null). */
  | {
      readonly kind: 'did'
      readonly action:
        | 'kill'
        | 'freeze'
        | 'thaw'
        | 'terminate'
        | 'crash'
        | 'restart'
        | 'cut'
        | 'lose'
        | 'part'
        | 'heal'
        | 'backend'
        | 'diskFails'
        | 'diskWorks'
      readonly target: string | null
    }

export type Entry = Event & {
  /** Monotonic ms, one clock for all processes of the machine. */
  readonly at: number
  /** Epoch ms. */
  readonly wall: number
  readonly process: string
}

export function machineNow(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

/** Where a process writes down what it does. */
export interface LedgerWriter {
  readonly process: string
  write(event: Event): void
}

/** One process's file of JSON lines. Each is in the kernel's hands when `write` returns, so a SIGKILL loses none. */
export class Ledger implements LedgerWriter {
  readonly process: string
  readonly #file: number

  constructor(directory: string, process: string) {
    mkdirSync(directory, { recursive: true })
    this.process = process
    this.#file = openSync(join(directory, `${process}.jsonl`), 'a')
  }

  write(event: Event): void {
    const entry: Entry = { ...event, at: machineNow(), wall: Date.now(), process: this.process }
    writeSync(this.#file, `${JSON.stringify(entry)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Entries of one file; a line that its process could not finish is left out. */
export function readLedger(directory: string, process: string): Entry[] {
  const lines = readFileSync(join(directory, `${process}.jsonl`), 'utf8').split('\n')
  // What follows the last line feed is empty, or torn.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Entry)
}

/** Entries of all files, by time. */
export function readLedgers(directory: string): Entry[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.jsonl'))
    .flatMap((file) => readLedger(directory, file.slice(0, -'.jsonl'.length)))
    .sort((a, b) => a.at - b.at)
}
