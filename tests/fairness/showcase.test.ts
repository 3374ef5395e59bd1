import { describe, expect, test } from 'vitest'
import { kinds, openDatabase, type Kind } from './databases.ts'
import { cases, showcase, type Case, type Told } from './showcase.ts'

const loads = { backlog: 20_000, few: 100 }
/** PostgreSQL with two workers, each fair on its own; SQLite with one. */
const workersOf = { sqlite: 1, postgres: 2 }

async function told(kind: Kind, one: Case): Promise<Told> {
  const database = await openDatabase(kind)
  if (database === undefined) throw new Error(`there is no ${kind}`)
  try {
    return await showcase(database.url, one, { ...loads, workers: workersOf[kind] })
  } finally {
    await database.drop()
  }
}

describe.each(await kinds())('%s: tenant B waits for turns, not for the backlog of tenant A', (kind) => {
  test.each(cases)('$name', { timeout: 60_000 }, async (one) => {
    const { between, allowed, backlogLeft } = await told(kind, one)
    expect(between).toHaveLength(loads.few)
    // Else there was nothing to wait for.
    expect(backlogLeft).toBeGreaterThan(loads.backlog / 4)
    const tooMany = between.flatMap((n, k) => (n > (allowed[k] ?? 0) ? [`${n} before B's job ${k}`] : []))
    expect(tooMany).toEqual([])
  })
})
