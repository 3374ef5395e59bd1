import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { CronMode } from '../../packages/millrace/src/tools/schedule/cron/cron.ts'
import { nextFires, previousFire } from '../../packages/millrace/src/tools/schedule/cron/next.ts'
import { parseCron } from '../../packages/millrace/src/tools/schedule/cron/parse.ts'
import { describeCron } from '../../packages/millrace/src/tools/schedule/cron/describe.ts'
import { anyExpression } from './oracle/any-expression.ts'
import { Expression } from './oracle/expression.ts'
import { firesAfter } from './oracle/fires.ts'

/** MILLRACE_CRON_RUNS makes more of them, MILLRACE_CRON_SEED others. */
const numRuns = Number(process.env['MILLRACE_CRON_RUNS'] ?? 800)
const seed = Number(process.env['MILLRACE_CRON_SEED'] ?? 20_260_331)

const zones = [
  ...['Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'America/Havana', 'Australia/Lord_Howe'],
  ...['Pacific/Apia', 'Africa/Casablanca', 'Asia/Gaza', 'Asia/Kolkata', 'Pacific/Kiritimati', 'UTC'],
]
const anyTime = fc.integer({ min: Date.UTC(2009, 0) / 1000, max: Date.UTC(2033, 0) / 1000 })

const iso = (ms: number): string => new Date(ms).toISOString()

it(
  `${numRuns} random expressions fire as the calendar and Intl say`,
  { timeout: 30_000 + numRuns * 50 },
  () => {
    fc.assert(
      fc.property(anyExpression, fc.constantFrom(...zones), anyTime, ([text, mode], zone, after) => {
        const cron = parseCron(text, mode)
        const fires = nextFires(cron, zone, after * 1000, { count: 4 })
        expect(fires.map(iso)).toEqual(
          firesAfter(new Expression(text), zone, after, 4).map((s) => iso(s * 1000)),
        )
        // Each one is the one before the next, and nothing lies between.
        const end = fires.at(-1)
        if (end === undefined) return
        const back: number[] = []
        for (let at: number | undefined = end + 1; at !== undefined && back.length < fires.length;) {
          at = previousFire(cron, zone, at)
          if (at !== undefined) back.unshift(at)
        }
        expect(back).toEqual(fires)
      }),
      { numRuns, seed, endOnFailure: true },
    )
  },
)

it('whatever is written is read, or refused with field, value and rule', () => {
  const piece = fc.constantFrom(...'*/?,-#LW 0123456789'.split(''), 'MON', 'JAN', 'FRI-MON', '0 0 2 * * ?', ' ') // prettier-ignore
  const anything = fc.oneof(
    fc.string({ maxLength: 300, unit: 'binary' }),
    fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
    fc.array(fc.array(piece, { minLength: 1, maxLength: 4 }).map((all) => all.join('').replaceAll(' ', '')), { minLength: 5, maxLength: 7 }).map((all) => all.join(' ')), // prettier-ignore
  )
  fc.assert(
    fc.property(anything, fc.constantFrom<CronMode>('salesforce', 'extended'), (text, mode) => {
      try {
        const cron = parseCron(text, mode)
        expect(JSON.parse(JSON.stringify(cron))).toEqual(cron)
        expect(cron.hours.length * cron.minutes.length * cron.seconds.length).toBeGreaterThan(0)
        expect(parseCron(cron.text, mode)).toEqual(cron)
      } catch (error) {
        expect(error).toMatchObject({
          code: 'MILL_CRON_INVALID',
          data: { field: expect.stringMatching(/./) as unknown, rule: expect.stringMatching(/./) as unknown, instead: expect.stringMatching(/./) as unknown }, // prettier-ignore
        })
        expect((error as Error).message.length).toBeLessThan(700)
      }
    }),
    { numRuns: numRuns * 2, seed, endOnFailure: true },
  )
})

it('two descriptions are the same only when what they describe is', () => {
  // Another text with one field changed, so that they are often near.
  const pair = fc.tuple(anyExpression, anyExpression, fc.nat({ max: 4 })).map(([a, b, at]) => {
    const [one, other] = [a[0].split(' '), b[0].split(' ')]
    const same = a[1] === b[1] && (one.length === 5) === (other.length === 5)
    return [a, same ? ([one.with(at, other[at] ?? '*').join(' '), a[1]] as const) : b] as const
  })
  const meaning = ([text, mode]: readonly [string, CronMode]): object | undefined => {
    try {
      return { ...parseCron(text, mode), text: '', mode: '' }
    } catch {
      return undefined
    }
  }
  const words = ([text, mode]: readonly [string, CronMode]): string => describeCron(parseCron(text, mode))
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const [one, other] = [meaning(a), meaning(b)]
      if (one === undefined || other === undefined) return
      expect(words(a).length).toBeLessThan(1_000)
      if (words(a) === words(b)) expect(one).toEqual(other)
      else expect(one).not.toEqual(other)
    }),
    { numRuns: numRuns * 5, seed, endOnFailure: true },
  )
})
