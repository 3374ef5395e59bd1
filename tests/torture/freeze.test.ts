import { afterAll, describe, expect, test } from 'vitest'
import { frozenPastItsLease } from './freeze.ts'
import { testDatabases } from './test-databases.ts'

const databases = await testDatabases()
afterAll(() => databases.drop())

describe.each(databases.all)('a worker frozen past its lease on %s', (kind, open) => {
  test.each(['idle', 'writing'] as const)(
    'is fenced, also while %s: each effect and finalizer once',
    { timeout: 60_000 },
    async (where) => {
      const { report, evidence } = await frozenPastItsLease(await open(), { where })
      expect(report).toBe('')
      const first = evidence.rows.done.filter(({ seq }) => seq === 0).map(({ outcome }) => outcome)
      // On SQLite a frozen writer cannot be relieved, so it may still commit what nobody could take.
      if (kind === 'postgres' || where === 'idle') expect(first).toContain(3)
      expect(evidence.rows.effects.filter(({ seq }) => seq === 0)).toHaveLength(3)
    },
  )

  test('commits twice when fencing is off, and is found out', { timeout: 60_000 }, async () => {
    const { violations } = await frozenPastItsLease(await open(), { where: 'idle', sabotage: 'fencing' })
    expect(violations.map(({ invariant }) => invariant)).toContain('I-2')
  })
})
