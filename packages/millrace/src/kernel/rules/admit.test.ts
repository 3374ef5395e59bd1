import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { admit, refund } from './admit.ts'
import { limitKeysOf, type GatedRow, type KeyState } from './limits.ts'

let made = 0
const row = (...keys: number[]): GatedRow => ({
  job: `j${made++}`,
  seq: 0,
  attempt: 1,
  lane: 1,
  prio: 5,
  care: 0,
  keys,
  woken: false,
})
const slots = (id: number, count: number, used = 0): KeyState => ({
  id,
  slots: count,
  burst: null,
  perMs: null,
  tokens: null,
  at: null,
  used,
  contended: false,
})
const rate = (
  id: number,
  burst: number,
  perMs: number,
  tokens: number | null = null,
  at: number | null = 0,
): KeyState => ({
  ...slots(id, 0),
  slots: null,
  burst,
  perMs,
  tokens,
  at,
})

test('nobody passes those who wait for a token', () => {
  const contended = { ...rate(1, 2, 0.001), contended: true }
  expect(admit([row(1), { ...row(1), woken: true }], [contended], 0)).toMatchObject({
    parked: [{ gate: 1, reason: 'rateLimited' }],
    keys: [{ id: 1, tokens: 1, nextInMs: 50 }],
  })
})

describe('slots', () => {
  test('admits while there is room, in order, and parks the rest at the key', () => {
    const rows = [row(1), row(1), row(1)]
    expect(admit(rows, [slots(1, 3, 1)], 0)).toEqual({
      admitted: rows.slice(0, 2),
      parked: [{ row: rows[2], gate: 1, reason: 'concurrencyLimited' }],
      keys: [{ id: 1, tokens: null, at: null, nextInMs: 1000 }],
      permits: [{ key: 1, n: 2 }],
    })
  })

  test('a key that parked nobody is not written', () => {
    expect(admit([row(1)], [slots(1, 1)], 0)).toMatchObject({
      parked: [],
      keys: [],
      permits: [{ key: 1, n: 1 }],
    })
  })

  test('all keys of a row or none: what a parked row could have had stays free', () => {
    const rows = [row(1, 2), row(1)]
    const { admitted, parked, permits } = admit(rows, [slots(1, 1), slots(2, 0)], 0)
    expect(parked).toEqual([{ row: rows[0], gate: 2, reason: 'concurrencyLimited' }])
    expect(admitted).toEqual([rows[1]])
    expect(permits).toEqual([{ key: 1, n: 1 }])
  })

  test('the gate is the first key, ascending, without room', () => {
    expect(admit([row(1, 2, 3)], [slots(3, 0), slots(2, 0), slots(1, 1)], 0).parked[0]?.gate).toBe(2)
  })

  test('who was woken goes first', () => {
    const [fresh, woken] = [row(1), { ...row(1), woken: true }]
    expect(admit([fresh, woken], [slots(1, 1)], 0)).toMatchObject({
      admitted: [woken],
      parked: [{ row: fresh, gate: 1 }],
    })
  })

  test('nobody passes those who wait, though there is room; then the pump looks soon', () => {
    const [fresh, woken] = [row(1), { ...row(1), woken: true }]
    const contended = { ...slots(1, 2), contended: true }
    expect(admit([fresh, woken], [contended], 0)).toMatchObject({
      admitted: [woken],
      parked: [{ row: fresh, gate: 1, reason: 'concurrencyLimited' }],
      keys: [{ id: 1, nextInMs: 50 }],
    })
    expect(admit([row(1)], [{ ...contended, used: 2 }], 0).keys).toMatchObject([{ nextInMs: 1000 }])
  })

  test('a key without any bound, or one that is gone, holds nobody', () => {
    const rows = [row(1, 9)]
    expect(admit(rows, [{ ...slots(1, 0), slots: null }], 0)).toEqual({
      admitted: rows,
      parked: [],
      keys: [],
      permits: [],
    })
  })
})

describe('rate', () => {
  test('a new key starts full', () => {
    const { admitted, parked, keys, permits } = admit(
      [row(1), row(1), row(1)],
      [rate(1, 2, 0.001, null, null)],
      5000,
    )
    expect([admitted.length, parked.length]).toEqual([2, 1])
    expect(parked[0]).toMatchObject({ gate: 1, reason: 'rateLimited' })
    expect(keys).toEqual([{ id: 1, tokens: 0, at: 5000, nextInMs: 1000 }])
    expect(permits).toEqual([])
  })

  test('refills with time, up to burst', () => {
    expect(admit([row(1)], [rate(1, 5, 0.001, 0, 1000)], 3500).keys).toEqual([
      { id: 1, tokens: 1.5, at: 3500, nextInMs: 500 },
    ])
    expect(admit([row(1)], [rate(1, 5, 0.001, 0, 0)], 60_000).keys[0]?.tokens).toBe(4)
  })

  test('a clock that went back refills nothing', () => {
    expect(admit([row(1)], [rate(1, 5, 0.001, 0.5, 10_000)], 0)).toMatchObject({
      admitted: [],
      keys: [{ tokens: 0.5, at: 0, nextInMs: 500 }],
    })
  })

  test('tokens that were not touched are not written', () => {
    expect(admit([], [rate(1, 5, 0.001, 0, 0)], 1000).keys).toEqual([])
  })

  test('a sum of fractions that should be one is one', () => {
    const tenth = 0.1 + 0.2 + 0.3 + 0.4 - 1e-12
    expect(admit([row(1)], [rate(1, 5, 0.001, tenth, 0)], 0).keys).toEqual([
      { id: 1, tokens: 0, at: 0, nextInMs: 1000 },
    ])
  })

  test('the pump looks at least every hour, and never in no time', () => {
    expect(admit([row(1)], [rate(1, 1, 0, 0, 0)], 0).keys[0]?.nextInMs).toBe(3_600_000)
    expect(admit([row(1)], [rate(1, 10, 1000, 5, 0)], 0).keys[0]?.nextInMs).toBe(1)
  })

  test('slots and rate in one key: who waits for a slot is looked at each second', () => {
    const both: KeyState = { ...rate(1, 5, 0.001, 5, 0), slots: 1 }
    expect(admit([row(1), row(1)], [both], 0)).toMatchObject({
      parked: [{ reason: 'concurrencyLimited' }],
      keys: [{ id: 1, tokens: 4, at: 0, nextInMs: 1000 }],
      permits: [{ key: 1, n: 1 }],
    })
  })
})

describe('refund', () => {
  test('gives tokens back, up to burst, and lets the pump look at once', () => {
    expect(refund(rate(1, 5, 0.001, 1, 0), 2, 500)).toEqual({ id: 1, tokens: 3.5, at: 500, nextInMs: 0 })
    expect(refund(rate(1, 5, 0.001, 4, 0), 2, 0)?.tokens).toBe(5)
    expect(refund(rate(1, 5, 0.001, null, null), 1, 0)?.tokens).toBe(5)
  })

  test('less than a whole token: the pump looks when it is whole', () => {
    expect(refund(rate(1, 5, 0.001, 0.2, 0), 0.3, 0)).toEqual({ id: 1, tokens: 0.5, at: 0, nextInMs: 500 })
  })

  test('a key without rate has nothing to refund', () => {
    expect(refund(slots(1, 1), 1, 0)).toBeNull()
  })
})

test('no key is ever above its bounds, rows of one key keep their order, and nobody is parked without reason', () => {
  const keyIds = [1, 2, 3, 4]
  const key = (id: number) =>
    fc.record<KeyState>({
      id: fc.constant(id),
      slots: fc.option(fc.integer({ min: 0, max: 5 })),
      burst: fc.option(fc.integer({ min: 1, max: 5 })),
      perMs: fc.constantFrom(null, 0.001, 0.5),
      tokens: fc.option(fc.double({ min: 0, max: 5, noNaN: true })),
      at: fc.option(fc.integer({ min: 0, max: 2000 })),
      used: fc.integer({ min: 0, max: 3 }),
      contended: fc.boolean(),
    })
  const rowKeys = fc.record({ ids: fc.subarray(keyIds, { minLength: 1 }), woken: fc.boolean() })
  fc.assert(
    fc.property(fc.array(rowKeys, { maxLength: 30 }), fc.tuple(...keyIds.map(key)), (needs, keys) => {
      const rows = needs.map(({ ids, woken }) => ({ ...row(...ids), woken }))
      const inOrder = [...rows.filter(({ woken }) => woken), ...rows.filter(({ woken }) => !woken)]
      const { admitted, parked, permits, keys: changes } = admit(rows, keys, 1000)
      expect(
        [...admitted, ...parked.map((each) => each.row)].sort((a, b) => rows.indexOf(a) - rows.indexOf(b)),
      ).toEqual(rows)
      const refused = new Set<number>()
      for (const each of inOrder) {
        const at = parked.find((one) => one.row === each)?.gate
        if (at !== undefined) refused.add(at)
        else expect(each.keys.some((id) => refused.has(id))).toBe(false)
      }
      for (const state of keys) {
        const taken = admitted.filter((each) => each.keys.includes(state.id)).length
        if (state.contended)
          expect(admitted.some(({ woken, keys: own }) => !woken && own.includes(state.id))).toBe(false)
        const gated = parked.some((each) => each.gate === state.id)
        if (state.slots !== null) {
          expect(taken).toBeLessThanOrEqual(Math.max(0, state.slots - state.used))
          expect(permits.find((each) => each.key === state.id)?.n ?? 0).toBe(taken)
        }
        if (state.burst !== null && state.perMs !== null) expect(taken).toBeLessThanOrEqual(state.burst)
        const change = changes.find((each) => each.id === state.id)
        if (gated) expect(change?.nextInMs).toBeGreaterThan(0)
        expect(change?.tokens ?? 0).toBeGreaterThanOrEqual(0)
      }
    }),
  )
})

test('an execution is under the limits of its job, a finalizer under none', () => {
  expect(limitKeysOf({ seq: 0, options: { keys: [3, 4] } })).toEqual([3, 4])
  expect(limitKeysOf({ seq: 0, options: null })).toEqual([])
  expect(limitKeysOf({ seq: -1, options: { keys: [3, 4] } })).toEqual([])
})
