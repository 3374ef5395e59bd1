import { expect, test } from 'vitest'
import { nearestName } from './nearest-name.ts'

const names = ['delay', 'runAt', 'tenant', 'queue', 'priority', 'unique', 'retry', 'timeout', 'concurrency']

test.each([
  ['tennant', 'tenant'],
  ['Retry', 'retry'],
  ['retires', 'retry'],
  ['delya', 'delay'],
  ['prio', 'priority'],
  ['runat', 'runAt'],
  ['concurency', 'concurrency'],
  ['time', 'timeout'],
  ['colour', undefined],
  ['x', undefined],
  ['', undefined],
])('%s is nearest to %s', (given, name) => {
  expect(nearestName(given, names)).toBe(name)
})

test('nothing is near when there is nothing', () => {
  expect(nearestName('', [''])).toBeUndefined()
})
