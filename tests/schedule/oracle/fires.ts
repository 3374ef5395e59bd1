import { type Clock, shown } from './clock.ts'
import { type Expression } from './expression.ts'

const ascending = (fires: Iterable<number>): number[] => [...new Set(fires)].sort((a, b) => a - b)

/** The fires within a window, in epoch seconds: every minute of it is looked at. Civil minutes of its edges are left out. */
export function firesWithin(expression: Expression, clock: Clock): readonly number[] {
  const fires: number[] = []
  if (expression.steady) {
    clock.shown.forEach((civil, n) => {
      if (expression.minute(civil)) fires.push(...expression.seconds.map((s) => (clock.first + n) * 60 + s))
    })
    return ascending(fires)
  }
  for (let civil = clock.shown[0] ?? 0; civil <= (clock.shown.at(-1) ?? 0); civil++) {
    if (!expression.minute(civil)) continue
    const { minute, skipped } = clock.instantOf(civil)
    fires.push(...expression.seconds.map((s) => minute * 60 + (skipped ? 0 : s)))
  }
  return ascending(fires)
}

const lastDay = Date.UTC(2099, 11, 31) / 86_400_000
/** Further than the fires of one civil day can lie from it. */
const twoDays = 2 * 86_400

/** The next fires after an instant in epoch seconds, day by day to the end of 2099. */
export function firesAfter(expression: Expression, zone: string, after: number, count: number): number[] {
  const found = new Set<number>()
  const first = Math.max(0, Math.floor((after - twoDays) / 86_400))
  for (let day = first; day <= lastDay; day++) {
    if (!expression.day(day)) continue
    const earliest = ascending(found)[count - 1]
    if (earliest !== undefined && earliest < day * 86_400 - twoDays) break
    for (const fire of firesOfDay(expression, zone, day)) if (fire > after) found.add(fire)
  }
  return ascending(found).slice(0, count)
}

const kept = new Map<string, readonly number[]>()

function firesOfDay(expression: Expression, zone: string, day: number): readonly number[] {
  return expression.minutes.flatMap((minute) => {
    const key = `${zone} ${day * 1440 + minute}`
    let instants = kept.get(key)
    if (instants === undefined) kept.set(key, (instants = instantsOf(zone, day * 1440 + minute)))
    const [only] = instants
    if (only === undefined) return expression.steady ? [] : [firstAfter(zone, day * 1440 + minute) * 60]
    return (expression.steady ? instants : [only]).flatMap((at) => expression.seconds.map((s) => at * 60 + s))
  })
}

/** All instants that show a civil minute, by the offsets of the days around it. */
function instantsOf(zone: string, civil: number): readonly number[] {
  const offsets = new Set([-1440, -720, 0, 720, 1440].map((m) => shown(zone, civil + m) - (civil + m)))
  return ascending([...offsets].map((offset) => civil - offset)).filter((at) => shown(zone, at) === civil)
}

/** The first instant that shows something later than a civil minute that is skipped. */
function firstAfter(zone: string, civil: number): number {
  for (let later = civil + 1; ; later++) {
    const [at] = instantsOf(zone, later)
    if (at !== undefined) return at
  }
}
