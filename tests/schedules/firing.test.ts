import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { defineQueueable, type Mill } from '../../packages/millrace/src/index.ts'
import { scheduleFaultPoints } from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import { assembleParts } from '../../packages/millrace/src/mill/create-mill.ts'
import { Mill as OneMill, type MillParts } from '../../packages/millrace/src/mill/mill.ts'
import { places, type Place } from '../engine/support/bench.ts'
import { until } from '../engine/support/until.ts'

const tick = defineQueueable({ name: 'tick', execute: () => undefined })
const main = new URL('./firing-main.ts', import.meta.url).pathname

function work(url: string, skewMs = 0, dieAt?: string): ChildProcess {
  const args = [main, url, String(skewMs), ...(dieAt === undefined ? [] : [dieAt])]
  return spawn(process.execPath, args, { stdio: ['pipe', 'inherit', 'inherit'] })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.stdin?.end()
  await ended
}

/** Schedules that fire every second of the same span, which has begun already. */
async function plant(
  parts: MillParts,
  mill: Mill,
  prefix: string,
  count: number,
  span: { from: number; to: number },
) {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
  const start = new Date(span.from)
  for (const name of names) {
    await mill.schedules.create({ name, runs: tick, every: '1 second', start, overlap: 'allow' })
    // One whose end has passed would be refused.
    await parts.storage.schedules.change(
      { tenant: 'default', name },
      (row) => row && { ...row, end: span.to, next: row.start, state: 'waiting' },
    )
  }
  return names
}

async function isComplete(mill: Mill, prefix: string): Promise<boolean> {
  const all = (await mill.schedules.list()).filter(({ name }) => name.startsWith(`${prefix}-`))
  return all.every(({ state }) => state === 'complete')
}

async function expectEachOnce(
  place: Place,
  mill: Mill,
  names: readonly string[],
  span: { from: number; to: number },
) {
  const dues = Array.from(
    { length: (span.to - span.from) / 1_000 + 1 },
    (_, index) => span.from + index * 1_000,
  )
  const jobs = new Set<string>()
  for (const name of names) {
    const fires = [...(await mill.schedules.fires(name))].reverse()
    expect(fires.map(({ due }) => due.getTime())).toEqual(dues)
    expect(fires.every(({ state }) => state === 'fired')).toBe(true)
    for (const { jobId } of fires) jobs.add(jobId ?? '')
  }
  expect(jobs.size).toBe(names.length * dues.length)
  const effects = async (): Promise<string[]> =>
    (await place.query('select job, note from effects')).flatMap(({ job, note }) =>
      names.includes(String(note)) ? [String(job)] : [],
    )
  await until('every job ran', async () => (await effects()).length >= jobs.size, 90_000)
  expect((await effects()).sort()).toEqual([...jobs].sort())
}

describe.each(await places())('on $kind', (place) => {
  async function opened<T>(run: (parts: MillParts, mill: Mill) => Promise<T>): Promise<T> {
    const parts = await assembleParts(
      { storage: place.url, definitions: [tick], log: { level: 'ERROR' } },
      {},
    )
    const mill = new OneMill(parts)
    try {
      return await run(parts, mill)
    } finally {
      await mill.stop()
    }
  }

  test(
    'ten processes with wrong clocks race for 1,000 fires: each happens once',
    { timeout: 240_000 },
    async () => {
      await opened(async (parts, mill) => {
        const now = Math.floor(Date.now() / 1_000) * 1_000
        const span = { from: now - 4_000, to: now + 5_000 }
        const names = await plant(parts, mill, 'race', 100, span)
        const workers = Array.from({ length: 10 }, (_, index) =>
          work(place.url, -2_000 + (index * 4_000) / 9),
        )
        try {
          await until('every fire is decided', () => isComplete(mill, 'race'), 90_000)
          await expectEachOnce(place, mill, names, span)
        } finally {
          await Promise.all(workers.map(end))
        }
      })
    },
  )

  test.each(scheduleFaultPoints)(
    'a process that dies at %s loses and doubles no fire',
    { timeout: 60_000 },
    async (point) => {
      await opened(async (parts, mill) => {
        const now = Math.floor(Date.now() / 1_000) * 1_000
        const span = { from: now - 4_000, to: now }
        const prefix = point.replace(':', '-')
        const names = await plant(parts, mill, prefix, 5, span)
        const dying = work(place.url, 0, point)
        const [, signal] = (await once(dying, 'exit')) as [number | null, string | null]
        expect(signal).toBe('SIGKILL')
        const heir = work(place.url)
        try {
          await until('every fire is decided', () => isComplete(mill, prefix), 30_000)
          await expectEachOnce(place, mill, names, span)
        } finally {
          await end(heir)
        }
      })
    },
  )
})
