import type { Wake } from '../storage/wakeups.ts'

/** A NOTIFY payload has less than 8,000 bytes; above this many lanes a receiver had better look at everything. */
const mostLanes = 400
const mostJobs = 100

/** Wake-ups as NOTIFY payloads: 'new 1,2,3', 'back 4', 'abort <id>,…', 'config', 'rescan', 'due <ms>'. */
export function encode(wakes: readonly Wake[]): string[] {
  const notices = wakes.flatMap((wake): string[] => {
    switch (wake.topic) {
      case 'new':
      case 'back':
        if (wake.lanes.length === 0) return []
        return wake.lanes.length > mostLanes ? ['rescan'] : [`${wake.topic} ${wake.lanes.join(',')}`]
      case 'abort':
        return wake.jobs.length > mostJobs ? ['rescan'] : [`abort ${wake.jobs.join(',')}`]
      case 'config':
      case 'rescan':
        return [wake.topic]
      case 'due':
        return [`due ${Math.max(0, Math.ceil(wake.inMs))}`]
    }
  })
  return [...new Set(notices)]
}

/** What another process said; a text this release does not know means: look at everything. */
export function decode(notice: string): Wake {
  const [topic, rest = ''] = notice.split(' ', 2)
  switch (topic) {
    case 'new':
    case 'back':
      return { topic, lanes: rest.split(',').map(Number) }
    case 'abort':
      return { topic, jobs: rest.split(',') }
    case 'config':
      return { topic }
    case 'due':
      return { topic, inMs: Number(rest) }
    default:
      return { topic: 'rescan' }
  }
}

/** Gathers what a group of changes wakes: each lane once, the soonest due time. */
export class WakeSet {
  readonly #new = new Set<number>()
  readonly #back = new Set<number>()
  #dueInMs = Infinity

  /** A row at the end of its lane. */
  new(lane: number): this {
    this.#new.add(lane)
    return this
  }

  /** A row that may stand before the place reached. */
  back(lane: number): this {
    this.#back.add(lane)
    return this
  }

  due(inMs: number): this {
    this.#dueInMs = Math.min(this.#dueInMs, inMs)
    return this
  }

  get wakes(): Wake[] {
    const wakes: Wake[] = []
    if (this.#new.size > 0) wakes.push({ topic: 'new', lanes: [...this.#new] })
    if (this.#back.size > 0) wakes.push({ topic: 'back', lanes: [...this.#back] })
    if (this.#dueInMs < Infinity) wakes.push({ topic: 'due', inMs: this.#dueInMs })
    return wakes
  }
}
