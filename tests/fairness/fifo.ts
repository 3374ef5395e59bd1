import type { order } from '../../packages/millrace/src/kernel/rules/fair-order.ts'

/** A planted unfair order: the oldest work first, whoever's it is. The checks must find it. */
export const oldestFirst: typeof order = (tenants, { total }) => {
  let left = total
  return [...tenants]
    .flatMap(({ lanes }) => [...lanes])
    .sort((a, b) => (a.head.job < b.head.job ? -1 : 1))
    .flatMap(({ lane, after }) => {
      const quota = Math.min(10, left)
      left -= quota
      return quota < 1 ? [] : [{ lane: lane.id, quota, after }]
    })
}
