import { expect, test } from 'vitest'
import { meant, nearestName } from './nearest-name.ts'

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

test.each([
  ['Nmae', 'Name'],
  ['naem', 'Name'],
  ['Tpye', 'Type'],
  ['Cdoe', 'Code'],
  ['Aeg', 'Age'],
  ['Ega', undefined],
  ['Mane', undefined],
  ['Neam', undefined],
  ['Note', undefined],
  ['di', undefined],
  ['Dates', 'Date'],
  ['Daet', 'Date'],
  ['Daeto', undefined],
])('of short names %s is nearest to %s', (given, name) => {
  expect(nearestName(given, ['Id', 'Name', 'Type', 'Code', 'Age', 'Date'])).toBe(name)
})

test('nothing is near when there is nothing', () => {
  expect(nearestName('', [''])).toBeUndefined()
})

test('an error says what was meant, where there is something', () => {
  expect(meant('tennant', names)).toBe(' (did you mean tenant?)')
  expect(meant('colour', names)).toBe('')
})

test('of several that are near it is the nearest', () => {
  expect(nearestName('process-account', ['process-orders', 'process-accounts'])).toBe('process-accounts')
})
