import type { Clock } from '../rules/clock.ts'
import { finalizerOf } from '../rules/decide.ts'
import type { Decision } from '../rules/decision.ts'
import { isMillraceError, MillraceError } from '../rules/errors.ts'
import type { Claimed, LeaseId } from '../rules/execution.ts'
import type { Faults } from '../rules/fault-point.ts'
import { keeps } from '../rules/keep.ts'
import { outcomes } from '../rules/outcome.ts'
import type { Executions, LeaseMark } from '../storage/executions.ts'
import type { LeaseBook } from './lease-book.ts'
import { splitting } from './group.ts'
import { turnsOf } from './turns.ts'

/**
 * The decision that is in the database now: the one that was given, or what had to be stored in its place. `unstored`: the database took
 * neither; the execution stays under its lease, and the replacement is tried again from time to time.
 */
export type Settled = Decision | 'fenced' | 'unstored'

interface Member {
  readonly claimed: Claimed
  /** What is to be stored. */
  decision: Decision
  /** Differs when the decision itself could not be stored. */
  stored: Decision | 'unstored'
  readonly resolve: (settled: Settled) => void
}

interface Written {
  readonly fenced: ReadonlySet<LeaseId>
  readonly found: ReadonlySet<Member>
}

export interface SettlerOptions {
  readonly executions: Executions
  readonly book: LeaseBook
  readonly clock: Clock
  readonly faults: Faults | undefined
  /** These leases fell: their executions must stop. */
  readonly onFenced: (leases: readonly LeaseId[]) => void
  readonly onError: (error: unknown) => void
}

const groupCap = 4000
const firstPause = 20
const longestPause = 2_000
/** What the database refuses altogether is offered to it again this often. */
const offerAgainMs = 30_000

/**
 * Writes the ends of executions in groups, together with the start marks of their leases, and tells each one when it is
 * in the database. A group whose answer was lost is re-checked by id before anything is repeated (trap 6).
 */
export class Settler {
  readonly #options: SettlerOptions
  #queue: Member[] = []
  #marked: (() => void)[] = []
  #running: Promise<void> | null = null
  #abandoned = false
  readonly #unstored = new Set<() => void>()

  constructor(options: SettlerOptions) {
    this.#options = options
  }

  /** Decisions not yet acknowledged. */
  get backlog(): number {
    return this.#queue.length
  }

  /** `onSettled` is called when the decision is committed, or its lease fell: it goes on until one of the two is true. */
  settle(claimed: Claimed, decision: Decision, onSettled: (settled: Settled) => void): void {
    this.#queue.push({ claimed, decision, stored: decision, resolve: onSettled })
    this.kick()
  }

  /** An execution that was settled in its own transaction or handed back leaves its lease with the next group. */
  left(claimed: Claimed): void {
    this.#options.book.end(claimed)
    this.kick()
  }

  /** Resolves when the start marks of now are in the database. */
  marksWritten(): Promise<void> {
    return new Promise((resolve) => {
      this.#marked.push(resolve)
      this.kick()
    })
  }

  /** Writes what is dirty, soon. */
  kick(): void {
    this.#running ??= this.#run()
  }

  /** Also gives up what could not be stored: it is rescue's then. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
    for (const cancel of this.#unstored) cancel()
    this.#unstored.clear()
  }

  /** The worker was fenced as a whole: everything under way is answered `fenced`, nothing more is written. */
  abandon(): void {
    this.#abandoned = true
  }

  get abandoned(): boolean {
    return this.#abandoned
  }

  /** After a new registration. */
  resume(): void {
    this.#abandoned = false
  }

  async #run(): Promise<void> {
    await new Promise<void>((resolve) => turnsOf(this.#options.clock).soon(resolve))
    while (this.#queue.length > 0 || this.#marked.length > 0 || this.#options.book.dirty) await this.#flush()
    this.#running = null
  }

  async #flush(): Promise<void> {
    const { book } = this.#options
    const members = this.#queue.length <= groupCap ? this.#queue : this.#queue.slice(0, groupCap)
    this.#queue = this.#queue.slice(members.length)
    const marked = this.#marked
    this.#marked = []
    const kept = members.flatMap((member) =>
      keeps(member.decision) ? [{ member, given: member.decision }] : [],
    )
    for (const { claimed, decision } of members) if (!keeps(decision)) book.end(claimed)
    const marks = book.take()
    const { fenced, found } = await this.#write(members, marks)
    book.written(marks)
    // What had to be stored in its place goes on with nothing.
    for (const { member, given } of kept) if (member.stored !== given) book.end(member.claimed)
    if (fenced.size > 0) {
      for (const lease of fenced) book.drop(lease)
      this.#options.onFenced([...fenced])
    }
    for (const member of members)
      member.resolve(fenced.has(member.decision.lease) && !found.has(member) ? 'fenced' : member.stored)
    for (const resolve of marked) resolve()
  }

  /**
   * Until it is known for each member whether it is in the database. `fenced`: leases that fell; `found`: members that are in the
   * database although their first answer was lost (their lease may be gone because their own settle ended it).
   */
  async #write(members: readonly Member[], marks: readonly LeaseMark[]): Promise<Written> {
    const { executions, onError } = this.#options
    const fenced = new Set<LeaseId>()
    const found = new Set<Member>()
    const unstored = new Set<LeaseId>()
    let left = members
    let first = true
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      if (this.#abandoned) return { fenced: new Set(members.map((member) => member.decision.lease)), found }
      try {
        if (!first) left = await this.#unsettled(left, found)
        first = false
        // Marks may delete a lease, so they go with the last of its decisions only, and not at all while one of them is unstored.
        const standing = marks.filter(({ lease }) => !unstored.has(lease))
        if (left.length > 0 || standing.length > 0) {
          const answer = await executions.settle(
            left.map((member) => member.decision),
            standing,
          )
          await this.#acknowledged(left)
          for (const lease of answer.fenced) fenced.add(lease)
        }
        return { fenced, found }
      } catch (error) {
        first = false
        if (this.#abandoned) continue
        onError(error)
        if (isUnavailable(error)) {
          await this.#sleep(pause)
          continue
        }
        try {
          left = await this.#unsettled(left, found)
          for (const lease of await this.#divide(left)) fenced.add(lease)
          for (const { stored, claimed, decision } of left) {
            if (stored !== 'unstored') continue
            unstored.add(claimed.lease)
            this.#options.book.reopen(claimed)
            this.#offerAgain(claimed, decision)
          }
          left = []
        } catch (again) {
          onError(again)
        }
        await this.#sleep(pause)
      }
    }
  }

  /** What of these the database does not have, and whose lease still stands or has fallen: both are answered by a settle. */
  async #unsettled(members: readonly Member[], found: Set<Member>): Promise<readonly Member[]> {
    if (members.length === 0) return members
    const keys = await this.#options.executions.settled(members.map(({ decision }) => decision))
    const settled = new Set(keys.map(({ job, seq, attempt }) => `${job} ${seq} ${attempt}`))
    for (const member of members) {
      const { job, seq, attempt } = member.decision.key
      if (settled.has(`${job} ${seq} ${attempt}`)) found.add(member)
    }
    return members.filter((member) => !found.has(member))
  }

  async #acknowledged(members: readonly Member[]): Promise<void> {
    const { faults } = this.#options
    if (faults === undefined) return
    if (members.length === 0 || members.some(({ decision }) => decision.key.seq >= 0))
      await faults.hit('settle:after-ack')
    if (members.some(({ decision }) => decision.key.seq < 0)) await faults.hit('finalizer:after-ack')
  }

  async #divide(members: readonly Member[]): Promise<readonly LeaseId[]> {
    const { executions, faults } = this.#options
    const fenced = await splitting<Member, readonly LeaseId[]>(
      members,
      async (part) => {
        const answer = await executions.settle(
          part.map((member) => member.decision),
          [],
        )
        return part.map(() => answer.fenced)
      },
      {
        divisible: (error) => !isUnavailable(error),
        onSplit: () => faults?.hit('group.split'),
        onSingle: async (member, error) => {
          const instead = unstorable(member, error)
          member.stored = instead
          try {
            return (await executions.settle([instead], [])).fenced
          } catch (again) {
            if (isUnavailable(again)) throw again
            // It must not hold up the others.
            this.#options.onError(again)
            member.stored = 'unstored'
            member.decision = instead
            return []
          }
        },
      },
    )
    return fenced.flat()
  }

  #offerAgain(claimed: Claimed, decision: Decision): void {
    const cancel = this.#options.clock.after(offerAgainMs, () => {
      this.#unstored.delete(cancel)
      this.settle(claimed, decision, () => undefined)
    })
    this.#unstored.add(cancel)
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve))
  }
}

export function isUnavailable(error: unknown): boolean {
  return (
    isMillraceError(error, 'MILL_STORAGE_UNAVAILABLE') ||
    isMillraceError(error, 'MILL_STORAGE_BUSY') ||
    isMillraceError(error, 'MILL_STORAGE_FULL') ||
    isMillraceError(error, 'MILL_STORAGE_IO') ||
    isMillraceError(error, 'MILL_STORAGE_READ_ONLY') ||
    isMillraceError(error, 'MILL_STORAGE_AUTH') ||
    isMillraceError(error, 'MILL_STORAGE_CLOSED')
  )
}

/**
 * The database refused this one decision: the job ends Failed with that as its error, rather than run for ever. Its finalizer
 * runs as for any other end. A finalizer keeps its own end, which may bring the retry of its attempt.
 */
function unstorable({ claimed, decision }: Member, cause: unknown): Decision {
  const { code, name, message } = new MillraceError(
    'MILL_STORAGE_QUERY',
    `the end of the attempt could not be stored: ${String(cause)}`,
  )
  const { key, lease, lane, prio, ms } = decision
  const error = { name, code, message }
  if (key.seq < 0) return { ...decision, error }
  const next = claimed.options?.finalizer ? [finalizerOf(claimed)] : []
  return { key, lease, lane, prio, ms, outcome: outcomes.failed, error, next }
}
