import { admit } from '../../rules/admit.ts'
import type { Decision } from '../../rules/decision.ts'
import { isMillraceError } from '../../rules/errors.ts'
import type { Claimed, JobId } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'
import type { EnqueueOutcome, OnDuplicate } from '../../rules/unique.ts'
import {
  decision,
  finalizerOf,
  newJob,
  rescueWith,
  spent,
  standing,
} from '../../storage/conformance/fixtures.ts'
import type { ClaimedBatch, LeaseMark } from '../../storage/executions.ts'
import type { Board } from './board.ts'
import type { PostgresStorage } from './opened.ts'
import type { Rows } from './sound.ts'

/** What a process does to the board, and what must be true of its answer in the end, whatever the others did. */
export interface Move<Answer = unknown> {
  /** Which rows it meets others on: moves with none in common cannot meet. */
  readonly on: readonly (
    'lease' | 'key' | 'started' | 'done' | 'free' | 'kept' | 'unwanted' | 'due' | 'open' | 'state'
  )[]
  /** Whom it contradicts. */
  readonly never?: readonly string[]
  readonly work: (storage: PostgresStorage, board: Board) => Promise<Answer>
  /** Jobs it may add. */
  readonly adds?: (answer: Answer) => readonly JobId[]
  /** Permits it leaves to a release that is not part of it. */
  readonly unreleased?: number
  readonly wrong?: (answer: Answer, board: Board, rows: Rows) => string | false
}

const uniqueKeys = ['started', 'done', 'free', 'kept'] as const
type UniqueKey = (typeof uniqueKeys)[number]

const move = <Answer>(one: Move<Answer>): Move => one as Move

const claimHalf = (quota: number): Move =>
  move({
    on: ['open'],
    work: (storage, { worker, half }) =>
      storage.executions.claimGated(
        { worker, quotas: [{ lane: half.id, quota, after: null }], free: 1 },
        admit,
      ),
  })

const completed = ({ run }: Board): Decision =>
  decision(run, outcomes.completed, { next: [finalizerOf(run)] })

const isSettled = ({ run, lease }: Board, rows: Rows): boolean =>
  rows.jobs.get(run.job)!.done.some((one) => one.lease === lease && one.outcome === outcomes.completed)

/** That an execution ended once is kept by the key of `done`, too: who comes second is refused. */
async function settling(
  settle: () => Promise<'settled' | 'fenced'>,
): Promise<'settled' | 'fenced' | 'refused'> {
  try {
    return await settle()
  } catch (error) {
    if (isMillraceError(error) && error.data['sqlstate'] === '23505') return 'refused'
    throw error
  }
}

const aside = { seq: 1, records: '[1]', count: 1, error: null, tries: 1, by: null }

/** Adds to what is set aside of the one, and settles the other with its state. */
async function settlingAside(
  storage: PostgresStorage,
  { run: { job } }: Board,
  settles: Decision,
): Promise<void> {
  const counts = {
    processed: 0,
    failed: 1,
    chunks: 0,
    errors: 1,
    total: null,
    totalChunks: null,
    scope: null,
  }
  const state = { seq: 2, data: '{}', phase: 0, ...counts, error: null, pace: null, spread: null }
  const tx = await storage.begin({ token: 'token', idleTimeoutMs: 10_000, writeTimeoutMs: 0 })
  try {
    await tx.states.addAsides(job, [aside, aside])
    await tx.settle({ ...settles, state })
    await tx.commit()
  } finally {
    await tx.rollback()
  }
}

/** Of those who said that they settled it, exactly one did. */
export function settledTwice(answers: readonly unknown[], board: Board, rows: Rows): string[] {
  const said = answers.filter((answer) => answer === 'settled').length
  const is = isSettled(board, rows) ? 1 : 0
  return said === is ? [] : [`${said} said settled, ${is} did`]
}

async function settle(
  storage: PostgresStorage,
  decisions: readonly Decision[],
  marks: readonly LeaseMark[],
): Promise<'settled' | 'fenced'> {
  const { fenced } = await storage.executions.settle(decisions, marks)
  return fenced.length === 0 ? 'settled' : 'fenced'
}

const handedBack = ({ lane, prio, care, job, seq, attempt, lease, position }: Claimed) => {
  return { lane, prio, care, job, seq, attempt, lease, position, wait: null }
}

const endedAs = (rows: Rows, job: JobId, outcome: number): boolean =>
  rows.jobs.get(job)!.done.some((one) => one.outcome === outcome)

function abort(on: Move['on'], which: (board: Board) => JobId): Move {
  return move({
    on,
    work: (storage, board) => storage.executions.abort(which(board)),
    wrong: (answer, board, rows) => {
      const job = rows.jobs.get(which(board))!
      const aborted = endedAs(rows, job.id, outcomes.aborted)
      if (answer === 'aborted') return !aborted && 'it said aborted'
      if (answer === 'requested')
        return !job.intent && !job.done.some(({ outcome }) => outcome >= 10) && 'it forgot the intent'
      return answer === 'unknown' && 'it did not know the job'
    },
  })
}

export interface Enqueued {
  readonly id: JobId
  readonly key: UniqueKey
  readonly kind: EnqueueOutcome['kind'] | 'undone'
  readonly holder?: JobId
}

/** Alone, or in a transaction that ends in this way. */
function enqueue(key: UniqueKey, on: OnDuplicate, end: 'alone' | 'commit' | 'rollback' = 'alone'): Move {
  const until = key === 'started' ? 'started' : 'done'
  return move({
    on: [key],
    async work(storage, { plain }): Promise<Enqueued> {
      const job = newJob(plain, { unique: { key, until, on } })
      if (end === 'alone') return { ...(await storage.jobs.enqueueAlone(job, 20_000)), id: job.id, key }
      const tx = await storage.begin({ token: null, idleTimeoutMs: 10_000, writeTimeoutMs: 0 })
      try {
        const [outcome] = await tx.enqueue([job])
        await tx[end]()
        return end === 'commit' ? { ...outcome!, id: job.id, key } : { id: job.id, key, kind: 'undone' }
      } finally {
        await tx.rollback()
      }
    },
    adds: ({ id }) => [id],
    wrong({ id, kind, holder }, _, rows) {
      const isThere = kind === 'queued' || kind === 'replaced'
      if (rows.jobs.get(id)!.stored !== isThere) return `it said ${kind}`
      // Whoever could be replaced had not started.
      if (kind !== 'duplicate' || on !== 'replace' || holder === undefined) return false
      const replaced = rows.jobs.has(holder) && endedAs(rows, holder, outcomes.replaced)
      return replaced && 'it gave way to a holder that was replaced'
    },
  })
}

/** A settle that was under way when it was asked for is waited for. */
export function overlooked(
  ended: readonly (readonly [name: string, answer: unknown])[],
  steps: readonly string[],
): string[] {
  const asked = ended.find(([name]) => name === 'settled')
  const settled = ended.some(([, answer]) => answer === 'settled')
  const order = [steps.findIndex((step) => /^settle(_|$)/.test(step)), steps.indexOf('settled_lock')]
  const isOverlooked = settled && (asked?.[1] as readonly unknown[] | undefined)?.length === 0
  return isOverlooked && order[0]! < order[1]! ? ['settled overlooked a settle under way'] : []
}

/** Who was told of an unstarted holder has committed before that was claimed. */
export function startedTooEarly(ended: readonly (readonly [name: string, answer: unknown])[]): string[] {
  const claimed = new Set<JobId>()
  return ended.flatMap(([name, answer]) => {
    if (name === 'claim')
      for (const { job } of (answer as ClaimedBatch | null)?.members ?? []) claimed.add(job)
    const told = answer as Enqueued | null
    if (told?.kind !== 'duplicate' || told.key !== 'started') return []
    return claimed.has(told.holder!) ? [`${name} was told of a holder that had started`] : []
  })
}

/** At most one job that counts for a key, and that is its holder. */
export function heldTwice(added: readonly Enqueued[], board: Board, rows: Rows): string[] {
  const first = { started: board.holder, done: board.old, free: null, kept: board.unwanted }
  return uniqueKeys.flatMap((key) => {
    const ids = [first[key], ...added.filter((one) => one.key === key).map(({ id }) => id)]
    const counting = ids.filter((id) => {
      if (id === null) return false
      const { standing, done, stored } = rows.jobs.get(id)!
      if (key === 'started') return standing.some(({ place, seq }) => seq === 0 && place !== 'lease')
      return stored && !done.some(({ outcome }) => outcome >= 10)
    })
    if (counting.length > 1) return [`${counting.length} jobs hold the key ${key}`]
    const [one] = counting
    return one === undefined || rows.holders.get(key) === one ? [] : [`the key ${key} is not its holder's`]
  })
}

/** Each is one call of the engine, or two that follow each other. */
export const moves: Readonly<Record<string, Move>> = {
  claim: move({
    on: ['started', 'kept', 'unwanted', 'due'],
    work: (storage, { worker, plain }) =>
      storage.executions.claim({ worker, quotas: [{ lane: plain.id, quota: 3, after: null }], free: 1 }),
  }),
  claimGated: move({
    on: ['key'],
    work: (storage, { worker, gated }) =>
      storage.executions.claimGated(
        { worker, quotas: [{ lane: gated.id, quota: 3, after: null }], free: 1 },
        admit,
      ),
  }),
  settle: move({
    on: ['lease'],
    unreleased: 1,
    work: (storage, board) => settling(() => settle(storage, [completed(board)], standing(board.lease))),
  }),
  settleAll: move({
    on: ['lease'],
    // Its process would not end what it gives back.
    never: ['handBack'],
    work(storage, board) {
      const decisions = [completed(board), decision(board.unbegun)]
      return settling(() => settle(storage, decisions, spent(decisions)))
    },
  }),
  settleInTransaction: move({
    on: ['lease'],
    unreleased: 1,
    work: (storage, board) =>
      settling(async () => {
        const tx = await storage.begin({ token: 'token', idleTimeoutMs: 10_000, writeTimeoutMs: 0 })
        try {
          await tx.query(['insert into effect values (', ')'], [board.run.job])
          if ((await tx.settle(completed(board))) === 'fenced') return 'fenced'
          await tx.commit()
          return 'settled'
        } finally {
          await tx.rollback()
        }
      }),
    wrong: (answer, { run }, rows) =>
      answer === 'settled' && rows.jobs.get(run.job)!.effects !== 1 && 'its effect is not there once',
  }),
  setAside: move({
    on: ['state'],
    never: ['setAside'],
    unreleased: 1,
    async work(storage, board) {
      await settlingAside(storage, board, completed(board))
      return 'settled'
    },
  }),
  setAsideByRetry: move({
    on: ['state'],
    never: ['setAsideByRetry'],
    unreleased: 1,
    work: (storage, board) => settlingAside(storage, board, decision(board.openRun)),
  }),
  setAsideBeside: move({
    on: ['state'],
    work: ({ states }, { run }) => states.addAsides(run.job, [aside, aside]),
  }),
  takeAsides: move({
    on: ['state'],
    work: ({ states }, { run, openRun }) => states.takeAsides(run.job, openRun.job),
    wrong: ({ asides }) => asides < 1 && 'it took nothing',
  }),
  settled: move({
    on: ['lease'],
    work: (storage, board) => storage.executions.settled([completed(board)]),
    wrong: (answer, board, rows) =>
      answer.length > 0 && !isSettled(board, rows) && 'it saw a settle that is not there',
  }),
  settleAndRelease: move({
    on: ['lease', 'key'],
    work: (storage, board) =>
      settling(async () => {
        const answer = await settle(storage, [completed(board)], standing(board.lease))
        if (answer === 'settled') await storage.limits.release([{ key: board.key, lease: board.lease, n: 1 }])
        return answer
      }),
    wrong(answer, { lease, key }, rows) {
      if (answer !== 'settled' || !rows.leases.includes(lease)) return false
      const { waiting, used, slots, ready } = rows.keys.find(({ id }) => id === key)!
      return waiting > 0 && slots === 2 && used + ready < slots && 'a waiter was left behind'
    },
  }),
  claimOne: claimHalf(1),
  claimTwo: claimHalf(2),
  endAndRelease: move({
    on: ['open'],
    never: ['endAndRelease'],
    async work(storage, { openRun, open }) {
      await storage.executions.settle([decision(openRun)], standing(openRun.lease))
      await storage.limits.release([{ key: open, lease: openRun.lease, n: 1 }])
    },
    wrong(_, { open }, rows) {
      const { waiting, used, slots, ready } = rows.keys.find(({ id }) => id === open)!
      return waiting > 0 && used + ready < slots! && 'a waiter was left behind'
    },
  }),
  handBack: move({
    on: ['lease', 'key'],
    unreleased: 1,
    work: (storage, { unbegun }) => storage.executions.handBack([handedBack(unbegun)]),
  }),
  handBackLease: move({
    on: ['lease', 'key'],
    work: (storage, { dead, lease }) => storage.executions.handBackLease(dead, lease),
  }),
  rescue: move({
    on: ['lease'],
    work: (storage, { dead, lease }) => storage.workers.rescueLease(dead, lease, rescueWith(3)),
    wrong(answer, { run, lease }, rows) {
      if (rows.leases.includes(lease)) return 'the lease stands'
      const lost = endedAs(rows, run.job, outcomes.lost)
      return (answer === null ? 0 : answer.lost) > (lost ? 1 : 0) && 'it said lost'
    },
  }),
  bury: move({
    on: ['lease'],
    work: (storage, { dead }) => storage.workers.bury(dead),
    wrong: (answer, { lease }, rows) => answer && rows.leases.includes(lease) && 'the lease stands',
  }),
  abortRunning: abort(['lease'], ({ run }) => run.job),
  abortParked: abort(['key'], ({ parked }) => parked),
  abortGated: abort(['key'], ({ gatedReady }) => gatedReady),
  abortHolder: abort(['started'], ({ holder }) => holder),
  abortDue: abort(['due'], ({ due }) => due),
  sweepAborts: move({ on: ['unwanted'], work: (storage) => storage.executions.sweepAborts() }),
  moveDue: move({ on: ['due'], work: (storage) => storage.waiting.moveDue(10) }),
  pump: move({ on: ['key'], work: (storage) => storage.waiting.pump() }),
  define: move({
    on: ['key'],
    work: (storage) => storage.limits.define([{ name: 'key', slots: 3, rate: null, perProcess: false }]),
  }),
  prune: move({
    on: ['done'],
    work: (storage) => storage.history.prune({ completedMs: 3_600_000, failedMs: 3_600_000, page: 100 }),
    wrong: (_, { old }, rows) => rows.jobs.get(old)!.stored && 'the old job is still there',
  }),
  enqueueStarted: enqueue('started', 'return'),
  replaceStarted: enqueue('started', 'replace'),
  commitStarted: enqueue('started', 'return', 'commit'),
  enqueueDone: enqueue('done', 'return'),
  replaceDone: enqueue('done', 'replace'),
  replaceKept: enqueue('kept', 'replace'),
  enqueueFree: enqueue('free', 'return'),
  commitFree: enqueue('free', 'return', 'commit'),
  rollbackFree: enqueue('free', 'replace', 'rollback'),
}
