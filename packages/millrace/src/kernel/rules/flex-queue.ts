import type { JobId } from './execution.ts'

/** A flex queue under its lock (semantics B-08). */
export interface FlexStanding {
  readonly tenant: string
  /** Jobs that may be under way at once. */
  readonly slots: number
  /** Jobs that may be Holding; null: any number. */
  readonly most: number | null
  /** Jobs that have left Holding and have not ended. */
  readonly active: number
  readonly holding: number
}

/** Where a job goes among those that are Holding (semantics X-01). */
export type FlexPlace =
  { readonly to: 'front' | 'end' } | { readonly to: 'before' | 'after'; readonly other: JobId }

/** What an enqueue told of a queue that is filling up. */
export interface FlexFilling {
  readonly tenant: string
  readonly holding: number
  readonly most: number
}

/** From this share of what may be Holding on, somebody is told (semantics J-06). */
const fillingFrom = 0.8

/** Jobs that may leave Holding now. */
export function freeSlots({ slots, active }: Pick<FlexStanding, 'slots' | 'active'>): number {
  return Math.max(0, slots - active)
}

/** Jobs that may still be enqueued: those that would start at once, and those that may be Holding. */
export function roomOf(standing: Omit<FlexStanding, 'tenant'>): number {
  const { most, holding } = standing
  return most === null ? Infinity : Math.max(0, freeSlots(standing) + most - holding)
}

/** Whether the number of those that are Holding rose past four fifths of what may be: once for each rise. */
export function isFilling(before: number, after: number, most: number | null): most is number {
  if (most === null || most === 0) return false
  const threshold = Math.ceil(most * fillingFrom)
  return before < threshold && after >= threshold
}

/**
 * The order after a move; null: it stands there already. `job` and the other one are in `order`; a job before or after itself stays where
 * it is.
 */
export function moved(order: readonly JobId[], job: JobId, place: FlexPlace): readonly JobId[] | null {
  if ('other' in place && place.other === job) return null
  const rest = order.filter((id) => id !== job)
  const at = indexOf(rest, place)
  if (order[at] === job) return null
  return [...rest.slice(0, at), job, ...rest.slice(at)]
}

function indexOf(rest: readonly JobId[], place: FlexPlace): number {
  switch (place.to) {
    case 'front':
      return 0
    case 'end':
      return rest.length
    case 'before':
      return rest.indexOf(place.other)
    case 'after':
      return rest.indexOf(place.other) + 1
  }
}
