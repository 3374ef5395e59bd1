import type { Scenario } from './scenario.ts'
import { backlog } from './scenarios/backlog.ts'
import { draining } from './scenarios/drain.ts'
import { enqueueing } from './scenarios/enqueue.ts'
import { batch } from './scenarios/batch.ts'
import { latency } from './scenarios/latency.ts'
import { records } from './scenarios/records.ts'
import { scale } from './scenarios/scale.ts'
import { tenants } from './scenarios/tenants.ts'
import { wal } from './scenarios/wal.ts'

export const scenarios: readonly Scenario[] = [
  ...enqueueing,
  ...draining,
  ...latency,
  ...tenants,
  ...backlog,
  ...wal,
  ...scale,
  ...records,
  ...batch,
]

export function fullName({ name, database }: Pick<Scenario, 'name' | 'database'>): string {
  return `${name}-${database}`
}

/** A wish names a scenario on both databases, or one of them with its database; the beginning of a full name will do too. */
export function chosen(wishes: readonly string[]): readonly Scenario[] {
  if (wishes.length === 0) return scenarios
  return scenarios.filter((scenario) =>
    wishes.some((wish) => (isName(wish) ? scenario.name === wish : fullName(scenario).startsWith(wish))),
  )
}

function isName(wish: string): boolean {
  return scenarios.some(({ name }) => name === wish)
}
