/*
 * What an expression means, once more, as a question about one civil minute. It shares nothing with the code under test: fields
 * are asked as text, never turned into sets.
 */

/** One day as the calendar shows it. */
interface Day {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly length: number
  /** 1 is Sunday. */
  readonly weekday: number
}

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

export class Expression {
  readonly #fields: readonly string[]
  readonly #unix: boolean
  readonly #days = new Map<number, boolean>()
  /** Seconds of a minute at which it fires. */
  readonly seconds: readonly number[]
  /** Minutes of a day at which it fires. */
  readonly minutes: readonly number[]
  readonly steady: boolean

  constructor(text: string) {
    const fields = text.trim().toUpperCase().split(/\s+/)
    this.#unix = fields.length === 5
    this.#fields = this.#unix ? ['0', ...fields] : fields
    const [second = '', minute = '', hour = ''] = this.#fields
    const upTo = (size: number): number[] => Array.from({ length: size }, (_, n) => n)
    this.seconds = upTo(60).filter((s) => within(s, second, 0, 59))
    this.minutes = upTo(1440).filter(
      (m) => within(Math.floor(m / 60), hour, 0, 23) && within(m % 60, minute, 0, 59),
    )
    const inAnHour = upTo(60).filter((m) => within(m, minute, 0, 59)).length * this.seconds.length
    this.steady = inAnHour > 1 && upTo(24).every((h) => within(h, hour, 0, 23))
  }

  /** Whether it fires within a civil minute, counted from 1970. */
  minute(civil: number): boolean {
    const day = Math.floor(civil / 1440)
    return this.minutes.includes(civil - day * 1440) && this.day(day)
  }

  /** Whether it fires on a civil day, counted from 1970. */
  day(civil: number): boolean {
    let fits = this.#days.get(civil)
    if (fits === undefined) this.#days.set(civil, (fits = this.#fits(dayOf(civil))))
    return fits
  }

  #fits(day: Day): boolean {
    const [, , , dayOfMonth = '', month = '', dayOfWeek = '', year = '*'] = this.#fields
    if (day.year < 1970 || day.year > 2099) return false
    if (!within(day.year, year, 1970, 2099) || !within(day.month, month, 1, 12, monthNames)) return false
    const byMonth = fitsMonth(day, dayOfMonth)
    const byWeek = this.#unix ? fitsUnixWeek(day, dayOfWeek) : fitsWeek(day, dayOfWeek)
    const narrowed = [dayOfMonth, dayOfWeek].some((field) => field.startsWith('*') || field.startsWith('?'))
    return narrowed ? byMonth && byWeek : byMonth || byWeek
  }
}

function dayOf(civil: number): Day {
  const date = new Date(civil * 86_400_000)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1]
  const length = new Date(Date.UTC(year, month, 0)).getUTCDate()
  return { year, month, day: date.getUTCDate(), length, weekday: date.getUTCDay() + 1 }
}

function within(value: number, field: string, min: number, max: number, names?: readonly string[]): boolean {
  const size = max - min + 1
  const read = (text: string): number =>
    names?.includes(text) === true ? names.indexOf(text) + min : Number(text)
  return field.split(',').some((item) => {
    if (item === '?') return true
    const [range = '', step = '1'] = item.split('/')
    const [from = '', to] = range.split('-')
    if (from === '*') return (value - min) % Number(step) === 0
    const passed = to === undefined ? value - read(from) : (value - read(from) + size) % size
    if (to !== undefined)
      return passed <= (read(to) - read(from) + size) % size && passed % Number(step) === 0
    return item.includes('/') ? passed >= 0 && passed % Number(step) === 0 : passed === 0
  })
}

function fitsMonth(day: Day, field: string): boolean {
  const weekdays = Array.from({ length: day.length }, (_, n) => n + 1).filter(
    (n) => ![1, 7].includes(((((day.weekday - 1 + n - day.day) % 7) + 7) % 7) + 1),
  )
  if (field === 'L') return day.day === day.length
  if (field === 'LW') return day.day === weekdays.at(-1)
  return field.split(',').some((item) => {
    if (!item.endsWith('W')) return within(day.day, item, 1, 31)
    const wanted = Number(item.slice(0, -1))
    const nearest = [...weekdays].sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0]
    return wanted <= day.length && nearest === day.day
  })
}

function fitsWeek(day: Day, field: string): boolean {
  const is = (item: string): boolean => within(day.weekday, item, 1, 7, dayNames)
  if (field === 'L') return day.weekday === 7
  return field.split(',').some((item) => {
    if (item.endsWith('L')) return is(item.slice(0, -1)) && day.day + 7 > day.length
    const [weekday = '', n] = item.split('#')
    return is(weekday) && (n === undefined || Math.ceil(day.day / 7) === Number(n))
  })
}

/** Days count from 0, and Sunday is 7, too: turned into days of which Sunday is 1. */
function fitsUnixWeek(day: Day, field: string): boolean {
  return field.split(',').some((item) => {
    const [range = '', step] = item.split('/')
    const [from = '', to] = range.split('-')
    const six = (text: string): string => (/^\d+$/.test(text) ? String((Number(text) % 7) + 1) : text)
    if (from === '*') return within(day.weekday, item, 1, 7)
    // From Sunday to Sunday is the whole week, not one day.
    if (from === '0' && to === '7') return (day.weekday - 1) % Number(step ?? 1) === 0
    const shifted = [six(from), ...(to === undefined ? [] : [six(to)])].join('-')
    // A step from 7 on has no further day.
    if (from === '7' && to === undefined) return day.weekday === 1
    return within(day.weekday, step === undefined ? shifted : `${shifted}/${step}`, 1, 7, dayNames)
  })
}
