import { beforeEach, expect, test } from 'vitest'
import type { Decision } from '../rules/decision.ts'
import { MillraceError } from '../rules/errors.ts'
import type { Claimed, LeaseId } from '../rules/execution.ts'
import { outcomes } from '../rules/outcome.ts'
import type { Executions, LeaseMark } from '../storage/executions.ts'
import { LeaseBook } from './lease-book.ts'
import { Settler, type Settled } from './settler.ts'
import { systemClock } from './system-clock.ts'

interface Written {
  readonly decisions: readonly string[]
  readonly marks: readonly LeaseMark[]
}

/** Stores decisions by job; `next` is asked before each settle and may fail it, before or after it is written. */
class FakeExecutions {
  readonly stored = new Map<string, Decision>()
  readonly writes: Written[] = []
  readonly fallen = new Set<LeaseId>()
  readonly ended = new Set<LeaseId>()
  next: (decisions: readonly Decision[]) => 'ok' | { before?: Error; after?: Error } = () => 'ok'

  async settle(decisions: readonly Decision[], marks: readonly LeaseMark[]) {
    const fate = this.next(decisions)
    if (fate !== 'ok' && fate.before !== undefined) throw fate.before
    this.writes.push({ decisions: decisions.map(({ key }) => key.job), marks })
    const gone = (lease: LeaseId): boolean => this.fallen.has(lease) || this.ended.has(lease)
    const fenced = new Set<LeaseId>()
    for (const decision of decisions) {
      if (gone(decision.lease)) fenced.add(decision.lease)
      else if (this.stored.has(decision.key.job)) throw new Error(`${decision.key.job} is stored twice`)
      else this.stored.set(decision.key.job, decision)
    }
    for (const { lease, finished } of marks) {
      if (gone(lease)) fenced.add(lease)
      else if (finished) this.ended.add(lease)
    }
    if (fate !== 'ok' && fate.after !== undefined) throw fate.after
    return { fenced: [...fenced] }
  }

  async settled(decisions: readonly Pick<Decision, 'key' | 'lease'>[]) {
    return decisions.filter(({ key }) => this.stored.has(key.job)).map(({ key }) => key)
  }
}

const away = new MillraceError('MILL_STORAGE_UNAVAILABLE', 'away', { data: { unknown: true } })
const bad = new MillraceError('MILL_STORAGE_QUERY', 'cannot hold it')

let executions: FakeExecutions
let book: LeaseBook
let settler: Settler
const fenced: LeaseId[] = []
const errors: unknown[] = []

beforeEach(() => {
  executions = new FakeExecutions()
  book = new LeaseBook()
  fenced.length = 0
  errors.length = 0
  settler = new Settler({
    executions: executions as unknown as Executions,
    book,
    // Pauses take no time; what is offered again later still comes later.
    clock: { ...systemClock, after: (ms, call) => systemClock.after(ms < 10_000 ? 0 : 50, call) },
    faults: undefined,
    onFenced: (leases) => fenced.push(...leases),
    onError: (error) => errors.push(error),
  })
})

/** Members of one lease, all started. */
function claimed(lease: LeaseId, ...jobs: string[]): Claimed[] {
  const members = jobs.map((job, position) => ({
    ...{ job, seq: 0, attempt: 1, lane: 1, prio: 5, care: 0, lease, position, marked: true },
    ...{ payload: 'null', options: null },
  }))
  book.add({ lease, members })
  return members
}

const decisionOf = ({ job, seq, attempt, lease, lane, prio }: Claimed): Decision => ({
  ...{ key: { job, seq, attempt }, lease, lane, prio, outcome: outcomes.completed, ms: 1, next: [] },
})
const goingOn = (run: Claimed): Decision => ({
  ...decisionOf(run),
  outcome: outcomes.succeeded,
  next: [{ seq: run.seq + 1, attempt: 1, care: 0, when: { keep: run.position } }],
})
const settle = (run: Claimed) =>
  new Promise<Settled>((resolve) => settler.settle(run, decisionOf(run), resolve))

test('ends of one turn are written together, and the lease with the last of them', async () => {
  const runs = claimed(1, 'a', 'b', 'c')
  const first = [settle(runs[0]!), settle(runs[1]!)]
  expect(await Promise.all(first)).toEqual(runs.slice(0, 2).map(decisionOf))
  await settle(runs[2]!)
  expect(executions.writes).toEqual([
    { decisions: ['a', 'b'], marks: [{ lease: 1, running: [2], finished: false }] },
    { decisions: ['c'], marks: [{ lease: 1, running: [], finished: true }] },
  ])
  expect(book.leases).toEqual([])
})

test('what comes during a write gathers behind it', async () => {
  const runs = claimed(1, 'a', 'b', 'c')
  const behind: Promise<unknown>[] = []
  executions.next = (decisions) => {
    if (decisions[0]?.key.job === 'a') behind.push(settle(runs[1]!), settle(runs[2]!))
    return 'ok'
  }
  await settle(runs[0]!)
  await Promise.all(behind)
  expect(executions.writes.map(({ decisions }) => decisions)).toEqual([['a'], ['b', 'c']])
})

test('trap 6: an answer that was lost is looked up before anything is repeated', async () => {
  const runs = claimed(1, 'a', 'b')
  let lost = 0
  executions.next = () => (++lost === 1 ? { after: away } : 'ok')
  const answers = await Promise.all(runs.map(settle))
  expect(answers).toEqual(runs.map(decisionOf))
  expect(executions.stored.size).toBe(2)
  expect(fenced).toEqual([1])
  expect(errors).toEqual([away])
})

test('trap 6: one that was not written is repeated, as often as it takes', async () => {
  const [run] = claimed(1, 'a')
  let tries = 0
  executions.next = () => (++tries <= 3 ? { before: away } : 'ok')
  expect(await settle(run!)).toEqual(decisionOf(run!))
  expect(tries).toBe(4)
  expect(executions.ended.has(1)).toBe(true)
})

test('trap 7: one bad member does not sink the rest; its job fails with the reason', async () => {
  const runs = claimed(1, 'a', 'b', 'bad', 'd', 'e')
  executions.next = (decisions) =>
    decisions.some(({ key, outcome }) => key.job === 'bad' && outcome === outcomes.completed)
      ? { before: bad }
      : 'ok'
  const answers = await Promise.all(runs.map(settle))
  expect(answers.filter((_, index) => index !== 2)).toEqual(
    runs.filter((_, index) => index !== 2).map(decisionOf),
  )
  expect(answers[2]).toMatchObject({
    outcome: outcomes.failed,
    error: { code: 'MILL_STORAGE_QUERY', message: expect.stringContaining('cannot hold it') as string },
  })
  expect([...executions.stored.keys()].sort()).toEqual(['a', 'b', 'bad', 'd', 'e'])
  // The lease ended with all of them, after all of them.
  const lastWrites = executions.writes.at(-1)
  expect(lastWrites).toEqual({ decisions: [], marks: [{ lease: 1, running: [], finished: true }] })
})

test('marks never delete a lease before its decisions are in', async () => {
  const runs = claimed(1, 'a', 'bad')
  executions.next = (decisions) =>
    decisions.some(({ key, outcome }) => key.job === 'bad' && outcome === outcomes.completed)
      ? { before: bad }
      : 'ok'
  await Promise.all(runs.map(settle))
  const finished = executions.writes.findIndex(({ marks }) => marks.some((mark) => mark.finished))
  const before = executions.writes.slice(0, finished + 1).flatMap(({ decisions }) => decisions)
  expect(before.sort()).toEqual(['a', 'bad'])
})

test('one that cannot be stored at all stays under its lease and holds up nobody', async () => {
  const runs = claimed(1, 'a', 'cursed')
  executions.next = (decisions) =>
    decisions.some(({ key }) => key.job === 'cursed') ? { before: bad } : 'ok'
  const answers = await Promise.all(runs.map(settle))
  expect(answers).toEqual([decisionOf(runs[0]!), 'unstored'])
  await settler.idle()
  expect(executions.ended.has(1)).toBe(false)
  const other = claimed(2, 'other')
  expect(await settle(other[0]!)).toEqual(decisionOf(other[0]!))
})

test('what could not be stored at all is offered again, until the database takes it and the lease can end', async () => {
  const [cursed] = claimed(1, 'cursed')
  let refusals = 0
  executions.next = (decisions) => (decisions.length > 0 && ++refusals <= 4 ? { before: bad } : 'ok')
  expect(await settle(cursed!)).toBe('unstored')
  await expect.poll(() => executions.ended.has(1)).toBe(true)
  expect(executions.stored.get('cursed')).toMatchObject({ outcome: outcomes.failed })
  expect(refusals).toBe(5)
})

test('a member that goes on keeps its place, and the lease stands until it has ended', async () => {
  const [run, other] = claimed(1, 'a', 'b') as [Claimed, Claimed]
  const going = goingOn(run)
  const answers = await Promise.all([
    new Promise<Settled>((resolve) => settler.settle(run, going, resolve)),
    settle(other),
  ])
  expect(answers).toEqual([going, decisionOf(other)])
  expect(executions.writes.at(-1)?.marks).toEqual([{ lease: 1, running: [0], finished: false }])
  executions.stored.clear()
  await settle({ ...run, seq: 1 })
  expect(executions.ended.has(1)).toBe(true)
  expect(book.leases).toEqual([])
})

test('one that was to go on and cannot be stored ends, and its lease with it', async () => {
  const [cursed] = claimed(1, 'cursed')
  executions.next = (decisions) =>
    decisions.some(({ outcome }) => outcome === outcomes.succeeded) ? { before: bad } : 'ok'
  const settled = await new Promise<Settled>((resolve) => settler.settle(cursed!, goingOn(cursed!), resolve))
  expect(settled).toMatchObject({ outcome: outcomes.failed, next: [] })
  await settler.idle()
  expect(executions.ended.has(1)).toBe(true)
})

test('one that was to go on and cannot be stored at all is offered again, until its lease can end', async () => {
  const [cursed] = claimed(1, 'cursed')
  let refusals = 0
  executions.next = (decisions) => (decisions.length > 0 && ++refusals <= 4 ? { before: bad } : 'ok')
  const settled = await new Promise<Settled>((resolve) => settler.settle(cursed!, goingOn(cursed!), resolve))
  expect(settled).toBe('unstored')
  expect(executions.ended.has(1)).toBe(false)
  await expect.poll(() => executions.ended.has(1)).toBe(true)
  expect(executions.stored.get('cursed')).toMatchObject({ outcome: outcomes.failed, next: [] })
})

test('members of a fallen lease are told, the others are written', async () => {
  const [lost] = claimed(1, 'lost')
  const [kept] = claimed(2, 'kept')
  executions.fallen.add(1)
  expect(await Promise.all([settle(lost!), settle(kept!)])).toEqual(['fenced', decisionOf(kept!)])
  expect(fenced).toEqual([1])
  expect(book.leases).toEqual([])
})

test('an execution that ended elsewhere leaves its lease with the next group', async () => {
  const runs = claimed(1, 'a', 'b')
  settler.left(runs[0]!)
  await settler.idle()
  expect(executions.writes).toEqual([{ decisions: [], marks: [{ lease: 1, running: [1], finished: false }] }])
  settler.left(runs[1]!)
  await settler.idle()
  expect(executions.ended.has(1)).toBe(true)
})

test('marksWritten resolves when the start is in the database, not before', async () => {
  const [run] = claimed(1, 'a').map((one) => ({ ...one, marked: false }))
  book.clear()
  book.add({ lease: 1, members: [run!] })
  expect(book.start(run!)).toBe(true)
  await settler.marksWritten()
  expect(executions.writes).toEqual([{ decisions: [], marks: [{ lease: 1, running: [0], finished: false }] }])
})

test('abandoned: everything under way is answered fenced, nothing more is written; after resume it works again', async () => {
  const runs = claimed(1, 'a', 'b')
  executions.next = () => {
    settler.abandon()
    return { before: away }
  }
  expect(await Promise.all(runs.map(settle))).toEqual(['fenced', 'fenced'])
  const [late] = claimed(2, 'late')
  expect(await settle(late!)).toBe('fenced')
  expect(executions.stored.size).toBe(0)
  settler.resume()
  executions.next = () => 'ok'
  const [next] = claimed(3, 'next')
  expect(await settle(next!)).toEqual(decisionOf(next!))
})
