import { describe, expect, test } from 'vitest'
import { kinds, openDatabase } from './databases.ts'
import { oldestFirst } from './fifo.ts'
import { simulate } from './simulator.ts'
import { farthest, runTrace, traced } from './traced.ts'
import { makeTrace } from './trace.ts'

const trace = makeTrace({ tenants: 60, seed: 5, slots: 1, atOnce: true, longestMs: 100 })
/** Of service, ms: a claim, and a local queue that the two may have filled at different moments. */
const near = 2 * 250

describe.each(await kinds())('%s: the real engine on the trace of the simulator', (kind) => {
  test('serves the tenants in its order', async () => {
    const database = await openDatabase(kind)
    if (database === undefined) throw new Error(`there is no ${kind}`)
    try {
      const order = await runTrace(database.url, trace)
      expect([...order].sort((a, b) => a - b)).toEqual([...trace.at.keys()])
      expect(farthest(trace, order, simulate(trace, traced).sequence)).toBeLessThan(near)
      // The measure tells an unfair order.
      const unfair = simulate(trace, { ...traced, order: oldestFirst }).sequence
      expect(farthest(trace, order, unfair)).toBeGreaterThan(2 * near)
    } finally {
      await database.drop()
    }
  })
})
