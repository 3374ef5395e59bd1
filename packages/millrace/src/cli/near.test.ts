import { expect, test } from 'vitest'
import { nearNames } from './near.ts'

const names = ['process-accounts', 'process-orders', 'double', 'nightly-cleanup']

test.for([
  ['doubel', ['double']],
  ['Double', ['double']],
  ['cleanup', ['nightly-cleanup']],
  ['process', ['process-accounts', 'process-orders']],
  ['process-account', ['process-accounts']],
  ['something-else', []],
  ['', []],
] as const)('%s is near %j', ([asked, near]) => {
  expect(nearNames(asked, names).slice(0, near.length || 3)).toEqual(near)
})

test('at most three', () => {
  expect(nearNames('job', ['job1', 'job2', 'job3', 'job4'])).toHaveLength(3)
})
