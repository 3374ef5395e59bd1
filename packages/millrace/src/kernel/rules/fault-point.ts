/** Steps of a life that end in a commit. */
export const faultSteps = [
  'enqueue',
  'claim',
  'settle',
  'handback',
  'finalizer',
  'rescue',
  'prune',
  'migrate',
] as const
export const faultMoments = ['before-commit', 'after-commit', 'after-ack'] as const
export type FaultPoint =
  | `${(typeof faultSteps)[number]}:${(typeof faultMoments)[number]}`
  | 'group.split'
  | 'listener.lost'
  | 'leader.lost'

/**
 * Where a test may stop the engine between any two commits. Absent in production. `hit` may throw (a lost
 * answer), never return, or kill the process.
 */
export interface Faults {
  hit(point: FaultPoint): void | Promise<void>
}
