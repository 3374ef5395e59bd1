import { expect, test } from 'vitest'
import { median, percentile, ratio, round } from './statistics.ts'

test('the median is the value in the middle, or the mean of the two there', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([10, 1, 4, 2])).toBe(3)
  expect(median([7])).toBe(7)
  expect(() => median([])).toThrow('nothing was measured')
})

test('the median leaves its samples as they were', () => {
  const samples = [3, 1, 2]
  median(samples)
  percentile(samples, 0.5)
  expect(samples).toEqual([3, 1, 2])
})

test('a percentile is the smallest sample that the share does not exceed', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => 100 - n)
  expect(percentile(hundred, 0.99)).toBe(99)
  expect(percentile(hundred, 1)).toBe(100)
  expect(percentile([5, 1], 0.5)).toBe(1)
  expect(percentile([5], 0.01)).toBe(5)
})

test('a ratio above 1 means that ours is better, whether more or less is good', () => {
  expect(ratio(300, 100, 'more')).toBe(3)
  expect(ratio(100, 300, 'more')).toBe(0.333)
  expect(ratio(2, 4, 'less')).toBe(2)
  expect(ratio(4, 2, 'less')).toBe(0.5)
})

test('three figures count', () => {
  expect(round(123_456)).toBe(123_000)
  expect(round(0.012_345)).toBe(0.0123)
  expect(round(2)).toBe(2)
})
