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
/** Those that only schedules come to. */
export const scheduleFaultPoints = [
  'schedule:before-commit',
  'schedule:after-commit',
  'schedule:after-ack',
] as const
/** Those that only batches come to: a page of the rows that a start brings along. */
export const batchFaultPoints = ['page:before-commit', 'page:after-commit'] as const
export type FaultPoint =
  | `${(typeof faultSteps)[number]}:${(typeof faultMoments)[number]}`
  | (typeof scheduleFaultPoints)[number]
  | (typeof batchFaultPoints)[number]
  | (typeof otherFaultPoints)[number]

/** Of every job's life: a test that walks them must have reached each. */
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
