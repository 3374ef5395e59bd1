import { expect, test } from 'vitest'
import type { Claimed } from '../rules/execution.ts'
import { LeaseBook } from './lease-book.ts'

const member = (lease: number, position: number, marked = false): Claimed => ({
  job: `j${String(position)}`,
  seq: 0,
  attempt: 1,
  lane: 1,
  prio: 5,
  care: 0,
  lease,
  position,
  marked,
  payload: 'null',
  options: null,
})

test('what the claim has marked need not be told, later starts do', () => {
  const book = new LeaseBook()
  const [first, second, third] = [member(1, 0, true), member(1, 1), member(1, 2)]
  book.add({ lease: 1, members: [first, second, third] })
  expect(book.start(first)).toBe(false)
  expect(book.dirty).toBe(false)
  expect(book.take()).toEqual([])
  expect(book.start(second)).toBe(true)
  expect(book.dirty).toBe(true)
  expect(book.take()).toEqual([{ lease: 1, running: [0, 1], finished: false }])
  expect(book.dirty).toBe(false)
})

test('a lease ends with its last member, and is known until that is written', () => {
  const book = new LeaseBook()
  const members = [member(1, 0, true), member(1, 1)]
  book.add({ lease: 1, members })
  book.end(members[0]!)
  expect(book.take()).toEqual([{ lease: 1, running: [], finished: false }])
  book.end(members[1]!)
  const marks = book.take()
  expect(marks).toEqual([{ lease: 1, running: [], finished: true }])
  expect(book.leases).toEqual([1])
  book.written(marks)
  expect(book.leases).toEqual([])
})

test('a member that could not be stored keeps its lease from ending', () => {
  const book = new LeaseBook()
  const one = member(1, 0, true)
  book.add({ lease: 1, members: [one] })
  book.end(one)
  const marks = book.take()
  book.reopen(one)
  book.written(marks)
  expect(book.leases).toEqual([1])
  expect(book.take()).toEqual([{ lease: 1, running: [0], finished: false }])
})

test('a lease that fell is forgotten, and nothing of it is told any more', () => {
  const book = new LeaseBook()
  const [one, two] = [member(1, 0, true), member(2, 0, true)]
  book.add({ lease: 1, members: [one] })
  book.add({ lease: 2, members: [two] })
  book.drop(1)
  book.end(one)
  expect(book.start(one)).toBe(false)
  expect(book.take()).toEqual([])
  expect(book.leases).toEqual([2])
  book.clear()
  expect(book.leases).toEqual([])
})
