import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adaptable, autoScope, isContention, nextScope, targetMs, type ChunkRun } from './scope.ts'

const run = (change: Partial<ChunkRun> = {}): ChunkRun => ({
  scope: 200,
  records: 200,
  ms: targetMs / 2,
  contended: false,
  ...change,
})

describe('the scope after a chunk', () => {
  test.for<[string, number, Partial<ChunkRun>, number]>([
    ['twice as many after a fast one', 200, {}, 400],
    ['the same near the target', 200, { ms: targetMs }, 200],
    ['in proportion after a slow one', 200, { ms: targetMs * 1.25 }, 160],
    ['never less than half at once', 200, { ms: targetMs * 50 }, 100],
    ['half after a conflict, however fast', 200, { ms: 1, contended: true }, 100],
    ['at least one', 1, { scope: 1, records: 1, contended: true }, 1],
    ['at most 10,000', 9_000, { scope: 9_000, records: 9_000, ms: 1 }, 10_000],
    ['no more after one that was not full', 200, { records: 150, ms: 1 }, 200],
    ['less after one that was slow although it was not full', 200, { records: 10, ms: targetMs * 2 }, 100],
    ['what another chunk has already asked for is enough', 400, {}, 400],
    ['what another chunk has already given up stays so', 50, { contended: true }, 50],
  ])('%s', ([, now, change, next]) => {
    expect(nextScope(now, run(change))).toBe(next)
  })

  test('stays within its bounds, and goes the way that the chunk says', () => {
    const chunk = fc.record({
      scope: fc.integer({ min: 1, max: 10_000 }),
      records: fc.integer({ min: 0, max: 10_000 }),
      ms: fc.integer({ min: 0, max: 100_000 }),
      contended: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), chunk, (now, one) => {
        const next = nextScope(now, one)
        expect(Number.isInteger(next) && next >= autoScope.least && next <= autoScope.most).toBe(true)
        if (one.contended || one.ms > targetMs) expect(next).toBeLessThanOrEqual(now)
        else expect(next).toBeGreaterThanOrEqual(now)
      }),
    )
  })

  test('comes to rest where a chunk takes between half the target and all of it, whatever a record takes', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.06, max: 400, noNaN: true }), (each) => {
        let scope: number = autoScope.first
        for (let chunk = 0; chunk < 30; chunk += 1)
          scope = nextScope(scope, run({ scope, records: scope, ms: scope * each }))
        expect(scope * each).toBeLessThanOrEqual(targetMs)
        expect(scope === 1 || (scope + 1) * each > targetMs / 2 || scope === autoScope.most).toBe(true)
      }),
    )
  })
})

test('contention is a lock conflict or a timeout, also as the cause of what was thrown', () => {
  const error = (code: string) => ({ name: 'MillraceError', message: 'm', code })
  for (const code of ['MILL_STORAGE_BUSY', 'MILL_WRITE_TIMEOUT', 'MILL_TIMEOUT'])
    expect(isContention(error(code))).toBe(true)
  expect(isContention({ ...error('MILL_TRANSACTION_LOST'), cause: error('MILL_STORAGE_BUSY') })).toBe(true)
  expect(isContention(error('MILL_STORAGE_QUERY'))).toBe(false)
  expect(isContention(null)).toBe(false)
})

test('pages that were written and halves are as large as they are', () => {
  const keys = { kind: 'keys', query: '{}', upTo: 9 } as const
  const work = { kind: 'keys', after: null, upTo: 9, count: 9 } as const
  expect(adaptable({ source: keys, work })).toBe(true)
  expect(adaptable({ source: keys, work: { kind: 'aside', number: 0, count: 9 } })).toBe(false)
  expect(adaptable({ source: { kind: 'rows', lease: 1, pages: 3 }, work: { kind: 'page', number: 1 } })).toBe(
    false,
  )
})
