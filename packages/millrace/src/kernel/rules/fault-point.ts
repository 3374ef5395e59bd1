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
const otherFaultPoints = ['group.split', 'listener.lost', 'leader.lost'] as const
/** Walked by tests of their own: the torture's workload has no schedules. */
export const scheduleFaultPoints = [
  'schedule:before-commit',
  'schedule:after-commit',
  'schedule:after-ack',
] as const
export type FaultPoint =
  | `${(typeof faultSteps)[number]}:${(typeof faultMoments)[number]}`
  | (typeof scheduleFaultPoints)[number]
  | (typeof otherFaultPoints)[number]

/** All of the engine's: a test that walks them must have reached each. */
export const faultPoints: readonly FaultPoint[] = [
  ...faultSteps.flatMap((step) => faultMoments.map((moment) => `${step}:${moment}` as const)),
  ...otherFaultPoints,
]

/**
 * Where a test may stop the engine between any two commits. Absent in production. `hit` may throw (a lost
 * answer), never return, or kill the process.
 */
export interface Faults {
  hit(point: FaultPoint): void | Promise<void>
}
