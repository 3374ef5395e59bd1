import { expect, test } from 'vitest'
import { DatabaseClock } from './database-clock.ts'

function clocks() {
  const state = { wall: 5_000_000, passed: 0, database: 1_000_000, isAway: false, looks: 0 }
  const pass = (ms: number): void => {
    state.wall += ms
    state.passed += ms
    state.database += ms
  }
  const storage = {
    now: async () => {
      state.looks += 1
      if (state.isAway) throw new Error('away')
      pass(10)
      const { database } = state
      pass(10)
      return database
    },
  }
  const clock = { now: () => state.wall, monotonic: () => state.passed, after: () => () => undefined }
  return { state, pass, of: new DatabaseClock(storage, clock) }
}

test('goes by what the database said, however long the answer took, and not by a wall clock that jumps', async () => {
  const { state, pass, of } = clocks()
  await of.look()
  expect(of.now()).toBe(state.database)
  state.wall += 7_200_000
  pass(1_234)
  expect(of.now()).toBe(state.database)
})

test('is looked at again after a minute, once', async () => {
  const { state, pass, of } = clocks()
  expect(await of.fresh()).toBe(state.database)
  await of.fresh()
  expect(state.looks).toBe(1)
  pass(60_001)
  state.database += 500
  expect(await of.fresh()).toBe(state.database)
  expect(state.looks).toBe(2)
})

test('with the database away: the last look; before there was one, its error', async () => {
  const { state, pass, of } = clocks()
  state.isAway = true
  await expect(of.fresh()).rejects.toThrow('away')
  state.isAway = false
  await of.look()
  state.isAway = true
  pass(100_000)
  expect(await of.fresh()).toBe(state.database)
})
