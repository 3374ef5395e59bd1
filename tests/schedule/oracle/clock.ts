/*
 * What clocks show, by nothing but Intl: minutes of instants and civil minutes, both counted from 1970.
 */

const formats = new Map<string, Intl.DateTimeFormat>()

/** The civil minute that clocks of the zone show at an instant. */
export function shown(zone: string, minute: number): number {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone,
      dateStyle: 'short',
      timeStyle: 'short',
    })
    formats.set(zone, format)
  }
  return Date.parse(`${format.format(minute * 60_000).replace(' ', 'T')}Z`) / 60_000
}

const quarterOfDay = 360

/** The first minutes after each change of clocks, from and to in epoch ms. */
export function changes(zone: string, from: number, to: number): readonly number[] {
  const ahead = (minute: number): number => shown(zone, minute) - minute
  const found: number[] = []
  for (let at = from / 60_000; at < to / 60_000; at += quarterOfDay) {
    let [low, high] = [at, at + quarterOfDay]
    if (ahead(low) === ahead(high)) continue
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (ahead(middle) === ahead(low)) low = middle
      else high = middle
    }
    found.push(high)
  }
  return found
}

/** What clocks show in each minute of a window. */
export class Clock {
  readonly first: number
  readonly shown: readonly number[]
  /** The first instant that shows a civil minute. */
  readonly #firsts = new Map<number, number>()

  /** Minutes, `to` is not part of it. */
  constructor(zone: string, from: number, to: number) {
    this.first = from
    this.shown = Array.from({ length: to - from }, (_, n) => shown(zone, from + n))
    this.shown.forEach((civil, n) => {
      if (!this.#firsts.has(civil)) this.#firsts.set(civil, from + n)
    })
  }

  /** The instant at which a civil minute is there first; `skipped` if it never is: then the first instant after it. */
  instantOf(civil: number): { readonly minute: number; readonly skipped: boolean } {
    const minute = this.#firsts.get(civil)
    if (minute !== undefined) return { minute, skipped: false }
    return { minute: this.first + this.shown.findIndex((other) => other > civil), skipped: true }
  }
}
