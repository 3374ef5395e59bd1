import { describe, expect, test } from 'vitest'
import { oldestFirst } from './fifo.ts'
import { figuresOf, holds, type Figures } from './figures.ts'
import { fluidStarts } from './fluid.ts'
import { simulate, type Engine } from './simulator.ts'
import { makeTrace, type Trace } from './trace.ts'

const slots = 20

function figures(trace: Trace, engine: Omit<Engine, 'concurrency'>): Figures {
  const { workers } = engine
  const run = simulate(trace, { ...engine, concurrency: slots / workers })
  expect(run.sequence).toHaveLength(trace.at.length)
  return figuresOf(trace, run, fluidStarts(trace, slots, workers))
}

describe.each([1, 4])('the order of %i workers over 1,000 tenants with heavy tails', (workers) => {
  test.each([1, 2, 3])('is fair, seed %i', (seed) => {
    const found = figures(makeTrace({ tenants: 1_000, seed, slots }), { workers })
    expect(found.jobs).toBeGreaterThan(10_000)
    expect(found).toMatchObject({ starved: 0 })
    expect(found.worstWaitOverFairShare).toBeLessThan(4)
    expect(found.jain).toBeGreaterThan(0.8)
    expect(holds(found)).toBe(true)
  })

  test('an unfair order, planted, is found', () => {
    const found = figures(makeTrace({ tenants: 1_000, seed: 1, slots }), { workers, order: oldestFirst })
    expect(found.starved).toBeGreaterThan(100)
    expect(found.worstWaitOverFairShare).toBeGreaterThan(6)
    expect(found.jain).toBeLessThan(0.3)
    expect(holds(found)).toBe(false)
  })
})

test('the fluid server: equal shares, and nothing is due before its tenant could have had it', () => {
  const trace: Trace = {
    ...{ tenants: 2, longestMs: 10, laneTenants: Int32Array.of(0, 1) },
    lane: Int32Array.of(0, 0, 1),
    at: Float64Array.of(0, 0, 10),
    ms: Float64Array.of(10, 10, 10),
  }
  // One slot: the first is due at 10. From then on two share it: at 30 each has had 10 more.
  expect([...fluidStarts(trace, 1, 1)]).toEqual([10, 30, 30])
})
