import { expect, test } from 'vitest'
import { openStorage, rejection, untimed } from './test-support/scratch.ts'

test('a statement for many lists: what one list breaks is undone alone, what is no fault of a list ends it', async () => {
  const storage = await openStorage()
  const tx = await storage.begin(untimed)
  await tx.query(['create table app (id integer primary key, big integer) strict'], [])
  const insert = ['insert into app values (', ', ', ')']
  const outcomes = await tx.each?.(insert, [
    [1, 2n ** 60n],
    [1, 2],
    [2, 'x'],
    [3, 4],
  ])
  expect(outcomes).toEqual([
    1,
    expect.objectContaining({ code: 'MILL_STORAGE_QUERY', data: { sqlite: 1555 } }),
    expect.objectContaining({ code: 'MILL_STORAGE_QUERY', data: { sqlite: 3091 } }),
    1,
  ])
  expect(await tx.hasWrites()).toBe(true)
  expect(await tx.each?.(['update app set big = big where id = ', ''], [[1], [9], [3]])).toEqual([1, 0, 1])
  // The same text read afterwards still has its large numbers.
  expect(await tx.query(['select big from app where id = ', ''], [1])).toEqual([{ big: 2n ** 60n }])
  const refused = tx.each?.(['insert into millrace_job values (', ')'], [[1]]) ?? Promise.resolve([])
  expect(await rejection(refused)).toMatchObject({ code: 'MILL_TRANSACTION_STATEMENT' })
  const lost =
    tx.each?.(['insert or rollback into app values (', ', 1)'], [[7], [1], [8]]) ?? Promise.resolve([])
  expect(await rejection(lost)).toMatchObject({ code: 'MILL_STORAGE_QUERY' })
  expect(await rejection(tx.commit())).toMatchObject({ code: 'MILL_TRANSACTION_LOST' })
})
