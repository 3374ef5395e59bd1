import { describe, expect, test } from 'vitest'
import type { Lane } from '../../rules/execution.ts'
import type {
  FirePlan,
  FireStanding,
  Firing,
  NewFire,
  ScheduleDraft,
  ScheduleKey,
  StoredSchedule,
} from '../schedules.ts'
import type { Storage } from '../storage.ts'
import { Bench, expectError, fresh, newJob, pass } from './fixtures.ts'
import { nextId } from './ids.ts'
import type { Open } from './subject.ts'

const nothing: Firing = {
  abort: false,
  fires: [],
  starts: [],
  drops: [],
  next: null,
  state: 'waiting',
}

const target = (): string => fresh('target')

function draftOf(change: Partial<ScheduleDraft> = {}): ScheduleDraft {
  return {
    id: nextId(),
    tool: 'queueable',
    target: 'send',
    targetVersion: 1,
    cron: '0 0 2 * * ?',
    zone: 'Europe/Berlin',
    start: null,
    end: null,
    spec: '{"input":1}',
    origin: 'runtime',
    version: 1,
    author: 'ann',
    state: 'waiting',
    next: null,
    ...change,
  }
}

export function schedules(open: Open): void {
  describe('schedules', () => {
    const bench = new Bench(open)

    async function make(change: Partial<ScheduleDraft> = {}, key = keyOf()): Promise<StoredSchedule> {
      const made = await bench.storage.schedules.change(key, () => draftOf(change))
      if (made === null) throw new Error('nothing was made')
      return made
    }

    /** Due a second ago, of a target of its own. */
    async function due(change: Partial<ScheduleDraft> = {}): Promise<StoredSchedule> {
      const now = Math.floor(await bench.storage.now())
      return await make({ target: target(), next: now - 1_000, ...change })
    }

    const known = (of: StoredSchedule): string[] => [`${of.target}@${of.targetVersion}`]

    function planOf(
      { id, revision }: StoredSchedule,
      lane: Lane,
      decide: (standing: FireStanding) => Partial<Firing>,
    ): FirePlan {
      return {
        id,
        revision,
        decide: (standing) => ({ ...nothing, ...decide(standing) }),
        jobOf: () => newJob(lane),
      }
    }

    const fires = (...all: NewFire[]): Partial<Firing> => ({ fires: all })
    const at = (dueAt: number, state: NewFire['state'] = 'fired'): NewFire => ({
      due: dueAt,
      kind: 'due',
      state,
    })

    async function endedJob(lane: Lane, job: string): Promise<void> {
      expect(await bench.storage.executions.abort(job)).toBe('aborted')
      expect(await bench.place(job)).toBe('aborted')
      expect(lane.id).toBeGreaterThan(0)
    }

    test('are written under their lock, and every draft is a revision', async () => {
      const { schedules } = bench.storage
      const key = keyOf()
      const before = Math.floor(await bench.storage.now())
      const next = before + 3_600_000
      const first = draftOf({ next, start: before - 1, end: next + 7, spec: `{"a":"it's \\"q\\" ü \\\\"}` })
      const seen: unknown[] = []
      const made = await schedules.change(key, (standing, now) => {
        seen.push(standing, now)
        return first
      })
      expect(seen[0]).toBeNull()
      expect(Number(seen[1])).toBeGreaterThanOrEqual(before)
      expect(made).toEqual({
        ...key,
        ...first,
        ...{ previous: null, triggered: 0, queued: 0, revision: 1 },
        ...{ seen: made?.seen, createdAt: made?.createdAt, changedAt: made?.changedAt },
      })
      expect(await schedules.get(key)).toEqual(made)
      expect(await schedules.change(key, () => null)).toEqual(made)
      const paused = await schedules.change(key, (standing) => {
        expect(standing).toEqual(made)
        return { ...first, state: 'paused', next: null }
      })
      expect(paused).toMatchObject({ revision: 2, state: 'paused', next: null })
      expect(paused?.createdAt).toBe(made?.createdAt)
    })

    test('are made once when many make one', async () => {
      const key = keyOf()
      const processes = await bench.several(4)
      const answers = await Promise.all(
        processes.map(({ schedules }) =>
          schedules.change(key, (standing) => (standing === null ? draftOf() : null)),
        ),
      )
      expect(new Set(answers.map((one) => one?.id)).size).toBe(1)
      expect(answers.every((one) => one?.revision === 1)).toBe(true)
    })

    test('what decide throws leaves everything as it was', async () => {
      const made = await make()
      const work = bench.storage.schedules.change(made, () => {
        throw new Error('no')
      })
      await expect(work).rejects.toThrow('no')
      expect(await bench.storage.schedules.get(made)).toEqual(made)
    })

    test('are listed by tenant and name, deleted ones when asked for', async () => {
      const { schedules } = bench.storage
      const tenant = fresh('tenant')
      for (const name of ['b', 'a', 'C', 'gone'])
        await make({ state: name === 'gone' ? 'deleted' : 'waiting' }, { tenant, name })
      const named = async (deleted: boolean, after: ScheduleKey | null, limit = 10): Promise<string[]> =>
        (await schedules.list({ tenant, deleted, after, limit })).map(({ name }) => name)
      expect(await named(false, null)).toEqual(['C', 'a', 'b'])
      expect(await named(true, null)).toEqual(['C', 'a', 'b', 'gone'])
      expect(await named(false, { tenant, name: 'C' }, 1)).toEqual(['a'])
      const all = await schedules.list({ tenant: null, deleted: false, after: null, limit: 1_000 })
      expect(all.filter((one) => one.tenant === tenant)).toHaveLength(3)
    })

    test('are due by the clock of the database, of known targets only', async () => {
      const { schedules } = bench.storage
      const late = await due()
      expect((await schedules.due(known(late), 10)).due).toEqual([late])
      expect(await schedules.due([`${late.target}@2`], 10)).toEqual({ due: [], nextInMs: null })
      expect((await schedules.due(known(late), 1)).nextInMs).toBe(0)
      const now = await bench.storage.now()
      const later = await make({ target: target(), next: Math.floor(now) + 60_000 })
      const answer = await schedules.due(known(later), 10)
      expect(answer.due).toEqual([])
      expect(answer.nextInMs).toBeGreaterThan(50_000)
      expect(answer.nextInMs).toBeLessThanOrEqual(60_000)
      for (const state of ['paused', 'complete', 'deleted'] as const) {
        const idle = await due({ state })
        expect(await schedules.due(known(idle), 10)).toEqual({ due: [], nextInMs: null })
      }
    })

    test('a fire, its job and the advance are one', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const next = (late.next ?? 0) + 60_000
      const job = newJob(lane)
      const plan: FirePlan = {
        ...planOf(late, lane, () => ({ ...fires(at(late.next ?? 0)), next })),
        jobOf: (fire, now) => {
          expect(fire).toEqual({ due: late.next, kind: 'due' })
          expect(now).toBeGreaterThanOrEqual(late.next ?? 0)
          return job
        },
      }
      const [fired] = await schedules.fire([plan])
      expect(fired?.started).toEqual([{ due: late.next, kind: 'due', job: job.id }])
      expect(await bench.place(job.id)).toBe('ready')
      const after = await schedules.get(late)
      expect(after).toMatchObject({ next, previous: late.next, triggered: 1, revision: late.revision })
      expect(await schedules.fires(late.id, { before: null, limit: 10 })).toEqual([
        { due: late.next, kind: 'due', state: 'fired', job: job.id, at: expect.any(Number) as number, n: 1 },
      ])
      expect((await schedules.due(known(late), 10)).due).toEqual([])
    })

    test('an instant fires once, whatever is decided', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const plan = planOf(late, lane, () => ({ ...fires(at(late.next ?? 0)), next: late.next }))
      expect((await schedules.fire([plan]))[0]?.started).toHaveLength(1)
      expect((await schedules.fire([plan]))[0]?.started).toEqual([])
      expect(await schedules.fires(late.id, { before: null, limit: 10 })).toHaveLength(1)
    })

    test('what cannot be stored leaves no fire behind', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const plan: FirePlan = {
        ...planOf(late, lane, () => ({ ...fires(at(late.next ?? 0)), next: null, state: 'complete' })),
        jobOf: () => newJob(lane, { args: [{ path: '#tag', value: 'x'.repeat(3_000) }] }),
      }
      await expectError(schedules.fire([plan]), 'MILL_OPTIONS_INVALID')
      expect(await schedules.get(late)).toEqual(late)
      expect(await schedules.fires(late.id, { before: null, limit: 10 })).toEqual([])
    })

    test('a schedule that was changed meanwhile is left alone', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      await schedules.change(late, () => ({ ...late, spec: '{}' }))
      expect(await schedules.fire([planOf(late, lane, () => fires(at(late.next ?? 0)))])).toEqual([null])
      expect(await schedules.fires(late.id, { before: null, limit: 10 })).toEqual([])
    })

    test('jobs that have not ended are seen wherever they stand, ended ones are not', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const first = late.next ?? 0
      const makes = [newJob(lane), newJob(lane, { due: { inMs: 60_000 } }), newJob(lane)]
      const jobs = [...makes]
      const start: FirePlan = {
        ...planOf(late, lane, () => ({ ...fires(at(first), at(first + 1), at(first + 2)), next: first + 3 })),
        jobOf: () => jobs.shift() ?? newJob(lane),
      }
      await schedules.fire([start])
      const standings: FireStanding[] = []
      const look = planOf(late, lane, (standing) => {
        standings.push(standing)
        return { next: first + 3 }
      })
      await schedules.fire([look])
      expect(standings[0]).toMatchObject({ unended: makes.map(({ id }) => id), queued: [], aborted: false })
      await endedJob(lane, makes[0]!.id)
      await endedJob(lane, makes[2]!.id)
      await schedules.fire([look])
      expect(standings[1]?.unended).toEqual([makes[1]!.id])
      const states = await schedules.fires(late.id, { before: null, limit: 10 })
      expect(states.map(({ state }) => state)).toEqual(['fired', 'fired', 'fired'])
    })

    test('a queued fire is due when the job before it has ended', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const first = late.next ?? 0
      const next = first + 3_600_000
      const job = newJob(lane)
      const start = planOf(late, lane, () => ({ ...fires(at(first), at(first + 1, 'queued')), next }))
      await schedules.fire([{ ...start, jobOf: () => job }])
      expect(await schedules.get(late)).toMatchObject({ queued: 1, triggered: 1 })
      expect((await schedules.due(known(late), 10)).due).toEqual([])
      await endedJob(lane, job.id)
      const found = (await schedules.due(known(late), 10)).due
      expect(found.map(({ id }) => id)).toEqual([late.id])
      const release = planOf(late, lane, ({ queued }) => ({ starts: queued.map((one) => one.due), next }))
      const [fired] = await schedules.fire([release])
      expect(fired?.started.map((one) => one.due)).toEqual([first + 1])
      expect(await schedules.get(late)).toMatchObject({ queued: 0, triggered: 2, previous: first + 1 })
      expect((await schedules.due(known(late), 10)).due).toEqual([])
    })

    test('queued fires can be dropped, and go with their schedule', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const first = late.next ?? 0
      const start = planOf(late, lane, () => ({
        ...fires(at(first), at(first + 1, 'queued'), at(first + 2, 'queued')),
        next: null,
      }))
      await schedules.fire([start])
      await schedules.fire([planOf(late, lane, () => ({ drops: [first + 1] }))])
      expect(await schedules.get(late)).toMatchObject({ queued: 1 })
      await schedules.change(late, () => ({ ...late, state: 'deleted', next: null }))
      expect(await schedules.get(late)).toMatchObject({ queued: 0, state: 'deleted' })
      const states = (await schedules.fires(late.id, { before: null, limit: 10 })).map(({ state }) => state)
      expect(states).toEqual(['skipped', 'skipped', 'fired'])
    })

    test('unended jobs are aborted before the decision is made anew', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const first = late.next ?? 0
      const running = newJob(lane)
      const waits = newJob(lane, { due: { inMs: 60_000 } })
      const jobs = [running, waits]
      const start = planOf(late, lane, () => ({ ...fires(at(first), at(first + 1)), next: first + 2 }))
      await schedules.fire([{ ...start, jobOf: () => jobs.shift() ?? newJob(lane) }])
      await bench.take(await bench.worker(), lane)
      const [fired] = await schedules.fire([
        planOf(late, lane, ({ aborted, unended }) => {
          if (!aborted) return { abort: true }
          expect(unended).toEqual([running.id])
          return { ...fires(at(first + 2, 'queued')), next: first + 3 }
        }),
      ])
      expect(fired?.started).toEqual([])
      expect(await bench.place(waits.id)).toBe('aborted')
      expect(await bench.storage.executions.sweepAborts()).toContain(running.id)
    })

    test('a missed or skipped instant can be made up for', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const first = late.next ?? 0
      const miss: NewFire = { ...at(first, 'missed'), n: 7 }
      const [missed] = await schedules.fire([planOf(late, lane, () => fires(miss))])
      expect(missed).toMatchObject({ started: [], others: [miss] })
      expect(await schedules.fires(late.id, { before: null, limit: 1 })).toMatchObject([
        { state: 'missed', n: 7 },
      ])
      const again = planOf(late, lane, () => fires({ due: first, kind: 'backfill', state: 'fired' }))
      expect((await schedules.fire([again]))[0]?.started).toHaveLength(1)
      expect(await schedules.fires(late.id, { before: null, limit: 9 })).toMatchObject([
        { kind: 'backfill', n: 1 },
      ])
    })

    test('what is late is told once, for each due time', async () => {
      const { schedules } = bench.storage
      const late = await due()
      const processes = await bench.several(3)
      const ids = async (): Promise<string[]> =>
        (await Promise.all(processes.map((one) => one.schedules.late(500, 100)))).flat().map(({ id }) => id)
      expect((await ids()).filter((id) => id === late.id)).toHaveLength(1)
      expect(await ids()).not.toContain(late.id)
      await schedules.change(late, () => ({ ...late, next: (late.next ?? 0) + 1 }))
      expect(await ids()).toContain(late.id)
      expect(await schedules.late(60_000, 100)).toEqual([])
    })

    test('code is seen in its own version and older ones', async () => {
      const { schedules } = bench.storage
      const made = await make({ origin: 'code', version: 2 })
      await pass(bench.storage, 5)
      await schedules.touch([{ ...made, version: 1 }])
      expect((await schedules.get(made))?.seen).toBe(made.seen)
      await schedules.touch([{ ...made, version: 3 }])
      expect((await schedules.get(made))?.seen).toBeGreaterThan(made.seen)
      expect((await schedules.get(made))?.revision).toBe(made.revision)
    })

    test('old fires are pruned, not those that are open', async () => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(), await bench.lane()]
      const first = late.next ?? 0
      const all = [at(first), at(first + 1, 'queued'), at(first + 2, 'skipped'), at(first + 3, 'missed')]
      await schedules.fire([planOf(late, lane, () => fires(...all))])
      expect(await schedules.prune(3_600_000, 100)).toBe(0)
      await pass(bench.storage, 2)
      expect(await schedules.prune(0, 100)).toBeGreaterThanOrEqual(2)
      const left = await schedules.fires(late.id, { before: null, limit: 10 })
      expect(left.map(({ state }) => state)).toEqual(['queued', 'fired'])
    })

    test.each<[string, Partial<ScheduleDraft>, () => Partial<ScheduleDraft>, string[]]>([
      ['replaced', { origin: 'runtime' }, () => ({ id: nextId() }), []],
      ['removed', { origin: 'runtime' }, () => ({ state: 'deleted' }), []],
      // It may come back and must see the job that has not ended.
      ['retired', { origin: 'code' }, () => ({ state: 'deleted' }), ['fired']],
    ])('fires of one that is %s are pruned', async (_, change, end, states) => {
      const { schedules } = bench.storage
      const [late, lane] = [await due(change), await bench.lane()]
      const first = late.next ?? 0
      await schedules.fire([planOf(late, lane, () => fires(at(first), at(first + 1, 'queued')))])
      await schedules.change(late, (standing) => standing && { ...standing, ...end() })
      await pass(bench.storage, 2)
      while ((await schedules.prune(0, 100)) > 0);
      const left = await schedules.fires(late.id, { before: null, limit: 10 })
      expect(left.map(({ state }) => state)).toEqual(states)
    })

    test('fire once with many processes racing for them', async () => {
      const lane = await bench.lane()
      const name = target()
      const made = await Promise.all(Array.from({ length: 40 }, () => due({ target: name })))
      const processes = await bench.several(4)
      const started: string[] = []
      const race = async (storage: Storage): Promise<void> => {
        for (;;) {
          const { due } = await storage.schedules.due([`${name}@1`], 7)
          if (due.length === 0) return
          const plans = due.map((one) =>
            planOf(one, lane, ({ schedule }) =>
              schedule.next === null ? {} : { ...fires(at(schedule.next)), next: null },
            ),
          )
          for (const fired of await storage.schedules.fire(plans))
            if (fired !== null) started.push(...fired.started.map(() => fired.id))
        }
      }
      await Promise.all(processes.map(race))
      expect(started.sort()).toEqual(made.map(({ id }) => id).sort())
    })
  })
}

function keyOf(): ScheduleKey {
  return { tenant: 'default', name: fresh('schedule') }
}
