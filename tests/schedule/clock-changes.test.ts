import { describe, expect, it } from 'vitest'
import { nextFires, previousFire } from '../../packages/millrace/src/tools/schedule/cron/next.ts'
import { parseCron } from '../../packages/millrace/src/tools/schedule/cron/parse.ts'
import { changes, Clock } from './oracle/clock.ts'
import { Expression } from './oracle/expression.ts'
import { firesWithin } from './oracle/fires.ts'

/** Both hemispheres, shifts of half an hour and two hours, at midnight and on any day of the year, a day that was skipped, none. With the number of changes. */
const zones: Readonly<Record<string, number>> = {
  'Europe/Berlin': 20,
  'America/New_York': 20,
  'America/Sao_Paulo': 19,
  'America/Havana': 20,
  'Australia/Lord_Howe': 20,
  'Pacific/Auckland': 20,
  'Pacific/Apia': 20,
  'Africa/Casablanca': 33,
  'Africa/Cairo': 8,
  'Antarctica/Troll': 20,
  'Asia/Gaza': 20,
  'Asia/Pyongyang': 2,
  'Asia/Kolkata': 0,
}
const [from, to] = [Date.UTC(2010, 0, 2), Date.UTC(2020, 0, 2)]

const expressions = [
  ...['0 30 2 * * ?', '0 0 2 * * ?', '0 15 2 ? * *', '0 0 0 * * ?', '0 30 0 * * ?', '7 59 23 * * ?'],
  ...['0 0 1 ? * SUN', '0 30 1 L * ?', '0 0 3 ? * SUN,SAT', '0 0 9 * * ?', '0 0 0-4 * * ?', '0 0 */6 * * ?'],
  ...['0 0 * * * ?', '0 30 * * * ?', '30 15 * ? 3,4,9-11 *', '0 0 22-3 ? * FRI-MON'],
]
const extended = [
  ...[
    '0 */20 * * * ?',
    '*/7 * * * *',
    '0 7/10 * * * ?',
    '15,45 * * * * ?',
    '*/30 * * * SUN',
    '0 0,30 2 * * ?',
  ],
  ...['*/15 0-3 * * *', '0 5/10 * ? 10,11,4 SUN', '20 0-58/2 1-2 * * *', '0 0 31 12 *', '0,30 * 1,31 * 0'],
]

const minutesOfDay = 1440
const iso = (second: number): string => new Date(second * 1000).toISOString()

describe.each(Object.keys(zones))('around each change of clocks in %s in ten years', (zone) => {
  const around = changes(zone, from, to)
  const places = around.length === 0 ? [Date.UTC(2015, 6) / 60_000] : around
  const clocks = places.map((at) => new Clock(zone, at - 2 * minutesOfDay, at + 2 * minutesOfDay))

  it('there are as many as its history has', () => {
    expect(around).toHaveLength(zones[zone] ?? 0)
  })

  it.each([
    ...expressions.map((text) => [text, 'salesforce'] as const),
    ...extended.map((text) => [text, 'extended'] as const),
  ])('%s (%s) fires as minute after minute by Intl says, forwards and backwards', (text, mode) => {
    const cron = parseCron(text, mode)
    const expression = new Expression(text)
    for (const clock of clocks) {
      // A day from either edge, where the window does not see what comes before or after.
      const [start, end] = [clock.first + minutesOfDay, clock.first + clock.shown.length - minutesOfDay].map(
        (minute) => minute * 60_000,
      ) as [number, number]
      const wanted = firesWithin(expression, clock).filter((at) => at * 1000 > start && at * 1000 <= end)
      const fires = nextFires(cron, zone, start, { count: 100_000, end })
      expect(fires.map((ms) => iso(ms / 1000))).toEqual(wanted.map(iso))
      expect(backwards(cron, zone, start, end)).toEqual(fires)
      // Asked at any time, also in the middle of a time that occurs twice.
      for (let at = start; at <= end - 60_000; at += 47 * 60_000 + 1) {
        const bounds = { start: start + 1, end }
        expect(nextFires(cron, zone, at, { count: 1, ...bounds })[0]).toBe(fires.find((fire) => fire > at))
        expect(previousFire(cron, zone, at, bounds)).toBe(fires.findLast((fire) => fire < at))
      }
    }
  })
})

function backwards(
  cron: ReturnType<typeof parseCron>,
  zone: string,
  start: number,
  end: number,
): readonly number[] {
  const fires: number[] = []
  let at: number | undefined = end + 1
  while ((at = previousFire(cron, zone, at, { start: start + 1 })) !== undefined) fires.unshift(at)
  return fires
}
