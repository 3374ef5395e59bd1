import {
  faultMoments,
  faultSteps,
  type FaultPoint,
} from '../../packages/millrace/src/kernel/rules/fault-point.ts'
import type { Work } from './work.ts'
import type { FaultAction } from './workload-main.ts'

/** How a step is brought to its points. */
export interface Approach {
  readonly name: string
  /** What the armed process enqueues. */
  readonly works: readonly Work[]
  /** It only produces. */
  readonly producesOnly?: true
  /** What must have happened before it starts: a process died with work in hand, or jobs ended. */
  readonly before?: 'a dead worker' | 'ended jobs'
  /** Asked to stop when it runs something: the point lies in its shutdown. */
  readonly terminated?: true
  /** Something else enqueues while it runs. */
  readonly disturbed?: true
  readonly sabotage?: 'poison'
  /** History is deleted as soon as a job has ended. */
  readonly prunes?: true
  readonly only?: 'postgres'
  /** Whoever works knows batches, with so many records in a chunk, and what schedules fire, too. */
  readonly scope?: number
}

export interface FaultCase {
  readonly point: FaultPoint
  readonly action: FaultAction
  readonly approach: Approach
}

type Step = (typeof faultSteps)[number]

function several(n: number, ref: string, work: Omit<Work, 'ref'>): Work[] {
  return Array.from({ length: n }, (_, index) => ({ ...work, ref: `${ref} ${index}` }))
}

const plain = several(6, 'plain', { kind: 'plain', runMs: 5 })
const effect = several(4, 'effect', { kind: 'effect', runMs: 5 })
const unique = several(4, 'unique', { kind: 'effect', runMs: 5 }).map((work, index) => ({
  ...work,
  unique: `key ${index % 3}`,
}))
const limited = several(5, 'limited', { kind: 'limited', runMs: 20, group: 'one', limit: 2 })
const family = several(2, 'parent', { kind: 'effect', runMs: 5, children: 2 })
const finalized = several(3, 'finalized', { kind: 'finalized', runMs: 5, finalChild: true })
const quiet = several(4, 'quiet', { kind: 'finalized', runMs: 5, fails: 1, quiet: true })

/** Works until the process that holds it is asked to stop. */
const held = several(3, 'held', { kind: 'plain', runMs: 5, untilSignal: 'armed.1' })

const approaches: Readonly<Record<Step, readonly Approach[]>> = {
  enqueue: [
    { name: 'a group', works: [...plain, ...effect], producesOnly: true },
    { name: 'a unique key', works: unique, producesOnly: true },
  ],
  claim: [
    { name: 'plain lanes', works: [...plain, ...effect] },
    { name: 'gated lanes', works: limited },
  ],
  settle: [
    { name: 'the group', works: plain },
    { name: 'the handler’s transaction', works: [...effect, ...family] },
  ],
  handback: [
    { name: 'a snooze', works: several(3, 'snoozing', { kind: 'effect', runMs: 2, snoozes: true }) },
    { name: 'a shutdown', works: held, terminated: true },
  ],
  finalizer: [
    { name: 'the group', works: quiet },
    { name: 'the handler’s transaction', works: finalized },
  ],
  rescue: [{ name: 'a dead worker', works: [], before: 'a dead worker' }],
  prune: [{ name: 'ended jobs', works: plain, before: 'ended jobs', prunes: true }],
  migrate: [{ name: 'an empty database', works: plain }],
}

const others: readonly { readonly point: FaultPoint; readonly approach: Approach }[] = [
  {
    point: 'group.split',
    approach: {
      name: 'a bad job among enqueues',
      works: [...plain, { ref: 'bad', kind: 'plain', runMs: 1, poison: 'enqueue' }],
      sabotage: 'poison',
    },
  },
  {
    point: 'group.split',
    approach: {
      name: 'a bad end among ends',
      works: plain.map((work) => ({ ...work, runMs: 30, kind: 'finalized', poison: 'settle', quiet: true })),
      sabotage: 'poison',
    },
  },
  { point: 'listener.lost', approach: { name: 'a notice', works: plain, disturbed: true, only: 'postgres' } },
  { point: 'leader.lost', approach: { name: 'the first term', works: plain } },
]

/** Every point of the kernel with every action that means something there. */
export function faultCases(database: 'sqlite' | 'postgres'): readonly FaultCase[] {
  const reached = faultSteps.flatMap((step) =>
    faultMoments.flatMap((moment) =>
      approaches[step].map((approach) => ({ point: `${step}:${moment}` as const, approach })),
    ),
  )
  return [...reached, ...others]
    .filter(({ approach }) => approach.only === undefined || approach.only === database)
    .flatMap(({ point, approach }) =>
      actionsAt(point).map((action): FaultCase => ({ point, action, approach })),
    )
}

export function actionsAt(point: FaultPoint): readonly FaultAction[] {
  // An answer can be lost only where the database has given one; a listener or a term is lost in its own way.
  const canLose = !point.endsWith(':before-commit') && point !== 'group.split'
  return canLose ? ['kill', 'stop', 'lose-answer'] : ['kill', 'stop']
}
