import { expect, it } from 'vitest'
import { describeCron } from './describe.ts'
import { parseCron } from './parse.ts'

it.each([
  ['0 0 2 * * ?', 'At 02:00, every day'],
  ['5 30 2 ? * *', 'At 02:30:05, every day'],
  ['0 0 10 ? * MON-FRI', 'At 10:00, on Monday to Friday'],
  ['0 0 9 ? * SAT,SUN', 'At 09:00, on Saturday and Sunday'],
  ['0 0 0 ? * MON,TUE,SAT,SUN', 'At 00:00, on Saturday to Tuesday'],
  ['0 0 22 ? * 6L', 'At 22:00, on the last Friday of the month'],
  ['0 0 9 ? * 2#1,6#3', 'At 09:00, on the first Monday of the month and the third Friday of the month'],
  ['0 0 0 ? * 1,6#5', 'At 00:00, on Sunday and the fifth Friday of the month'],
  ['0 0 0 L * ?', 'At 00:00, on the last day of the month'],
  ['0 0 0 LW 2 ?', 'At 00:00, on the last weekday of the month, in February'],
  [
    '0 15 10 2W,16 * ? 2010',
    'At 10:15, on day 16 of the month and the weekday nearest to day 2 of the month, in 2010',
  ],
  ['0 0 10 1/3 * ?', 'At 10:00, on days 1, 4, … 31 of the month'],
  ['0 0 6 1,15 1,4,7,10 ?', 'At 06:00, on days 1 and 15 of the month, in January, April, July and October'],
  ['0 0 0 1-5,9 NOV-FEB ?', 'At 00:00, on days 1 to 5 and 9 of the month, in November to February'],
  ['0 0 0 1 1 ? 2026-2030,2040', 'At 00:00, on day 1 of the month, in January, in 2026 to 2030 and 2040'],
  ['0 0 * * * ?', 'Every hour'],
  ['0 30 * ? * SUN', 'Every hour at minute 30, on Sunday'],
  ['5 30 * * * ?', 'Every hour at minute 30 and second 5'],
  ['0 0 8,12,17 * * ?', 'At 08:00, 12:00 and 17:00, every day'],
  ['0 0 1,3,4,5,9,12,20 * * ?', 'At 01:00, 03:00 to 05:00, 09:00, 12:00 and 20:00, every day'],
  ['0 30 9-17 * * ?', 'Every hour from 09:30 to 17:30'],
  ['0 0 22-6 * * ?', 'Every hour from 22:00 to 06:00'],
  ['0 0 */2 * * ?', 'Every 2 hours from 00:00 to 22:00'],
  ['*/5 * * * *', 'Every 5 minutes'],
  ['0,30 * * * *', 'Every 30 minutes'],
  ['7/10 * * * *', 'Every 10 minutes from minute 7 on'],
  ['*/7 * * * *', 'At minutes 0, 7, … 56 of every hour, every day'],
  ['* * * * * *', 'Every second'],
  ['* * * * *', 'Every minute'],
  ['15 * * * * *', 'At second 15 of every minute, every day'],
  ['*/20 5 * * * *', 'At minute 5 of every hour, every 20 seconds, every day'],
  ['*/15 9-17 * * 1-5', 'Every 15 minutes, between 09:00 and 17:59, on Monday to Friday'],
  ['*/5 14,18 * * *', 'Every 5 minutes, in the hours 14 and 18'],
  ['0,30 2 * * *', 'At 02:00 and 02:30, every day'],
  ['0 9 1,15 * 1', 'At 09:00, on days 1 and 15 of the month or on Monday'],
  ['0 9 */2 * 1', 'At 09:00, on days 1, 3, … 31 of the month, but only on Monday'],
])('%s: %s', (text, words) => {
  expect(describeCron(parseCron(text, 'extended'))).toBe(words)
})

it('a long list stays short', () => {
  const odd = Array.from({ length: 30 }, (_, n) => 2 * n + (n > 10 ? 1 : 0)).join()
  const text = `${odd} 1,3,4,6,7,9,12,14 1,3,4,6,8,11,13,14,16,19,21 1,3,4,6,8,9,11 1,3,4,6`
  expect(describeCron(parseCron(text, 'extended')).length).toBeLessThan(500)
})
