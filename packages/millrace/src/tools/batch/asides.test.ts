import { describe, expect, test } from 'vitest'
import { countOf, partsOf, setAsideOf, type Contents } from './asides.ts'

const range = { after: null, upTo: 90 }

describe('what a batch sets aside', () => {
  test.for<[Contents, unknown[]]>([
    [{ kind: 'ids', ids: ['a', 'b', 'c'] }, [{ ids: ['a', 'b'] }, { ids: ['c'] }]],
    [
      { kind: 'records', records: [{ after: 1 }, { at: new Date(5) }] },
      [{ records: [{ after: 1 }] }, { records: [{ at: new Date(5) }] }],
    ],
    [
      { kind: 'range', range, ids: [1, 7, 30, 80, 81] },
      [{ range: { after: null, upTo: 30 } }, { range: { after: 30, upTo: 90 } }],
    ],
  ])('%o comes back as it was, whole and in halves', ([contents, halves]) => {
    const [whole, ...more] = partsOf(contents, false, 'batch b')
    const { kind } = contents
    expect(more).toEqual([])
    expect(whole!.count).toBe(countOf(contents))
    expect(contents).toMatchObject(setAsideOf(whole!.records))
    const parts = partsOf(contents, true, 'batch b')
    expect(parts.map(({ records }) => setAsideOf(records))).toEqual(
      halves.map((half) => ({ kind, ...(half as object) })),
    )
    expect(parts.reduce((sum, { count }) => sum + count, 0)).toBe(countOf(contents))
  })
})
