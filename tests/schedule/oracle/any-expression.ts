import fc from 'fast-check'
import type { CronMode } from '../../../packages/millrace/src/tools/schedule/cron/cron.ts'

const monthNames = ['JAN', 'feb', 'Mar', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'dec']
const dayNames = ['SUN', 'mon', 'Tue', 'WED', 'THU', 'FRI', 'SAT']

const number = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String)

/** Items of a field: values, ranges (also over the end), steps. */
function items(min: number, max: number, value = number(min, max), wraps = true): fc.Arbitrary<string> {
  const step = fc.integer({ min: 1, max: Math.min(59, max - min + 3) })
  const range = fc
    .tuple(value, value)
    .filter(([a, b]) => wraps || Number(a) <= Number(b))
    .map(([a, b]) => `${a}-${b}`)
  return fc.oneof(
    { weight: 4, arbitrary: value },
    { weight: 2, arbitrary: range },
    { weight: 1, arbitrary: fc.tuple(range, step).map(([r, n]) => `${r}/${n}`) },
    { weight: 1, arbitrary: fc.tuple(value, step).map(([a, n]) => `${a}/${n}`) },
    { weight: 1, arbitrary: step.map((n) => `*/${n}`) },
  )
}

const list = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: item },
    { weight: 1, arbitrary: fc.array(item, { minLength: 2, maxLength: 3 }).map((all) => all.join(',')) },
  )

const minute = list(items(0, 59))
const hour = list(items(0, 23))
const month = list(items(1, 12, fc.oneof(number(1, 12), fc.constantFrom(...monthNames))))
const year = fc.oneof(fc.constant('*'), list(items(2005, 2045, number(2005, 2045), false)))
const dayOfMonth = fc.oneof(
  { weight: 3, arbitrary: list(items(1, 31)) },
  { weight: 1, arbitrary: fc.constantFrom('L', 'LW', 'l') },
  { weight: 1, arbitrary: list(fc.oneof(items(1, 31), number(1, 31).map((n) => `${n}W`))) }, // prettier-ignore
)
const weekday = fc.oneof(number(1, 7), fc.constantFrom(...dayNames))
const nth = fc.tuple(weekday, number(1, 5)).map(([d, n]) => `${d}#${n}`)
const dayOfWeek = fc.oneof(
  { weight: 3, arbitrary: list(items(1, 7, weekday)) },
  { weight: 1, arbitrary: fc.oneof(fc.constant('L'), weekday.map((d) => `${d}L`)) }, // prettier-ignore
  { weight: 1, arbitrary: list(fc.oneof(items(1, 7, weekday), nth)) },
)
const unixWeekday = list(items(0, 6, fc.oneof(number(0, 7), fc.constantFrom(...dayNames))))

const written = (mode: CronMode, ...fields: fc.Arbitrary<string>[]): fc.Arbitrary<[string, CronMode]> =>
  fc.tuple(...fields).map((all) => [all.filter((field) => field !== '').join(' '), mode])

const open = fc.constant('?')
const perhapsYear = fc.oneof({ weight: 2, arbitrary: fc.constant('') }, { weight: 1, arbitrary: year })
const one = number(0, 59)
/** Text that its mode reads, of every form there is. */
export const anyExpression: fc.Arbitrary<[string, CronMode]> = fc.oneof(
  written('salesforce', one, one, hour, dayOfMonth, month, open, perhapsYear),
  written('salesforce', one, one, hour, open, month, dayOfWeek, perhapsYear),
  written('extended', fc.oneof(one, items(0, 59)), minute, hour, dayOfMonth, month, dayOfWeek, perhapsYear),
  written('extended', fc.constant('0'), minute, hour, open, month, fc.oneof(open, dayOfWeek), perhapsYear),
  written('extended', minute, hour, list(items(1, 31)), month, unixWeekday),
)
