import { describe, expect, test } from 'vitest'
import { faultPoints } from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import { faultCases } from './fault-cases.ts'
import { faultAt } from './fault-points.ts'
import { Slots } from './slots.ts'
import type { Target } from './target.ts'

/** Most of a case is waiting for a lease to lapse; a server has only so many connections. */
const atOnce = { sqlite: 5, postgres: 3 }

/** The same suite for each database, in a file of its own so that both run at once. Skipped without `open`. */
export function testFaultPoints(
  kind: 'sqlite' | 'postgres',
  open: (() => Promise<Target>) | undefined,
): void {
  const cases = faultCases(kind)
  const slots = new Slots(atOnce[kind])

  describe.skipIf(open === undefined).concurrent(`at every fault point on ${kind}`, () => {
    test.each(cases.map((one) => [one.point, one.approach.name, one.action, one] as const))(
      '%s (%s): %s',
      // Waiting for a slot counts, too.
      { timeout: 600_000 },
      async (_point, _approach, _action, faultCase) => {
        const outcome = await slots.run(async () => open && faultAt(await open(), faultCase))
        expect(outcome?.report).toBe('')
      },
    )
  })

  test('no fault point is left out', () => {
    // SQLite has no listener: it looks for the commits of others.
    const absent = kind === 'sqlite' ? ['listener.lost'] : []
    const reached = new Set(cases.map(({ point }) => point))
    expect(faultPoints.filter((point) => !reached.has(point))).toEqual(absent)
  })
}
