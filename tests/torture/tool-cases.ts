import {
  batchFaultPoints,
  faultMoments,
  scheduleFaultPoints,
  type FaultPoint,
} from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import { actionsAt } from './fault-cases.ts'
import { Random } from './random.ts'
import { batchKinds, type BatchKind } from './work.ts'
import type { Armed } from './workload-main.ts'

/** A batch of three chunks, of which the second has one bad record: what each of its executions comes to is fixed. */
export const smallBatch = { records: 12, scope: 4, bad: [6] } as const

/** An execution of such a batch that a fault is aimed at. */
interface Stage {
  readonly name: string
  readonly seq: number
  readonly attempt: number
  /** Of the batch itself (1), or of the one that tries what it set aside again (2). */
  readonly job: 1 | 2
}

function stage(name: string, seq: number, attempt = 1, job: 1 | 2 = 1): Stage {
  return { name, seq, attempt, job }
}

const stages: Readonly<Record<BatchKind, readonly Stage[]>> = {
  keys: [
    stage('start', 0),
    stage('a chunk', 1),
    stage('a chunk that fails', 2),
    stage('a chunk that is given up', 2, 4),
    stage('a chunk is halved', 3),
    stage('a half that is given up', 5),
    stage('a half is applied', 7),
    stage('a record is set aside', 10),
    stage('finish', 11),
    stage('what was set aside is taken', 0, 1, 2),
    stage('what was set aside is applied', 1, 1, 2),
    stage('finish of the retry', 2, 1, 2),
  ],
  range: [stage('start', 0), stage('a chunk', 1), stage('a range is halved', 3), stage('finish', 11)],
  snapshot: [stage('start', 0), stage('a chunk', 1), stage('finish', 11)],
  rows: [
    stage('start', 0),
    stage('a chunk that is given up', 2, 4),
    stage('a chunk is set aside', 3),
    stage('finish', 5),
  ],
}

/** Of the batch by keys that is met by no fault: seq, attempt, outcome. */
export const keysUndisturbed = [
  [0, 1, 1],
  [1, 1, 1],
  [2, 1, 2],
  [2, 2, 2],
  [2, 3, 2],
  [2, 4, 5],
  [3, 1, 1],
  [4, 1, 1],
  [5, 1, 5],
  [6, 1, 1],
  [7, 1, 1],
  [8, 1, 1],
  [9, 1, 2],
  [9, 2, 2],
  [9, 3, 2],
  [9, 4, 5],
  [10, 1, 1],
  [11, 1, 13],
] as const

export type ToolCase = {
  readonly name: string
  readonly armed: Armed
} & ({ readonly batch: BatchKind } | { readonly schedule: string })

function armedAt(point: FaultPoint, more: Partial<Armed> = {}): Armed[] {
  return actionsAt(point).map((action) => ({ point, nth: 1, ...more, action }))
}

function ofBatch(batch: BatchKind): ToolCase[] {
  const settled = stages[batch].flatMap(({ name, seq, attempt, job }) =>
    faultMoments.flatMap((moment) =>
      armedAt(`settle:${moment}`, { nth: job, during: { seq, attempt } }).map((armed) => ({ name, armed })),
    ),
  )
  const claimed = faultMoments.flatMap((moment) => [
    ...armedAt(`claim:${moment}`).map((armed) => ({ name: 'start', armed })),
    ...armedAt(`claim:${moment}`, { during: { seq: 2, attempt: 1 } }).map((armed) => ({
      ...{ name: 'a second try', armed },
    })),
  ])
  const paged = batchFaultPoints.flatMap((point) => [
    ...armedAt(point).map((armed) => ({ name: 'the first page', armed })),
    ...armedAt(point, { nth: 3 }).map((armed) => ({ name: 'the last page', armed })),
  ])
  const all = [...settled, ...(batch === 'keys' ? claimed : []), ...(batch === 'rows' ? paged : [])]
  return all.map((one) => ({ ...one, batch }))
}

/** Names of `schedulesOf`, and at which of its decisions. */
const scheduled: readonly (readonly [string, number])[] = [
  ['every', 1],
  ['every', 2],
  ['queued', 1],
  ['cancelled', 2],
  ['late-once', 1],
  ['late-none', 1],
  ['late-all', 1],
]

/** Every point of a batch and of a schedule with every action that means something there, in an order that the seed gives. */
export function toolCases(seed: number): readonly ToolCase[] {
  const random = new Random(seed)
  const ofSchedules = scheduled.flatMap(([schedule, nth]) =>
    scheduleFaultPoints.flatMap((point) =>
      armedAt(point, { nth }).map((armed): ToolCase => ({ name: `decision ${nth}`, armed, schedule })),
    ),
  )
  return [...batchKinds.flatMap(ofBatch), ...ofSchedules]
    .map((one) => ({ one, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one)
}

export function nameOfCase({ name, armed, ...what }: ToolCase): string {
  const of = 'batch' in what ? `batch by ${what.batch}` : `schedule ${what.schedule}`
  return `${armed.action} at ${armed.point} of ${of}: ${name}`
}
