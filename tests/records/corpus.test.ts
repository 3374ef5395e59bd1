import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isMillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import type { FieldType } from '../../packages/millrace/src/records/object/field.ts'
import type { Caller } from '../../packages/millrace/src/records/access/principal.ts'
import type { Query } from '../../packages/millrace/src/records/query/query.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { compile } from '../../packages/millrace/src/records/sql/compile.ts'
import { demand, type Demand } from './corpus/demand.ts'
import { ownObjects, queriesByRepo, standardObjects } from './corpus/files.ts'
import { Model, type ModelField } from './corpus/model.ts'
import { bindsOf, worldOf } from './corpus/schema.ts'
import { Databases } from './corpus/databases.ts'
import type { Bench } from './databases.ts'
import type { World } from './oracle/world.ts'

/** Reasons that docs/soql.md gives. */
const documented: readonly RegExp[] = [
  /^(?:DISTANCE|CONVERTCURRENCY)\(\) is not supported/,
  /^WITH DATA CATEGORY is not supported/,
  /^USING SCOPE \w+ is not supported/,
  /^UPDATE (?:TRACKING|VIEWSTAT) is not supported/,
  /^FROM \S+ is not supported/,
  /^[A-Z]{3}\d+ is not supported: amounts have one currency/,
  // Salesforce refuses these as well.
  / is of type \w+ and cannot be compared with /,
  / is of type \w+; (?:INCLUDES and EXCLUDES are for multipicklists|LIKE is for text)/,
  /^(?:SUM|AVG)\(\w+\) needs a number/,
  / is neither grouped by nor an aggregate/,
  /^COUNT\(\) takes one field/,
  / needs a query that selects one field/,
]

const caller: Caller = {
  tenant: 'acme',
  principal: { id: '1', roles: [] },
  timeZone: 'UTC',
  now: Date.parse('2026-11-24T15:00:00Z'),
}

/** Queries that agree on the types of the fields that nobody defines. */
interface Batch {
  readonly types: Map<ModelField, FieldType>
  readonly queries: Parsed[]
}

function batchesOf(queries: readonly Parsed[]): readonly Batch[] {
  const batches: Batch[] = []
  for (const query of queries) {
    const hints = [...query.demand.hints]
    let batch = batches.find(({ types }) =>
      hints.every(([field, type]) => (types.get(field) ?? type) === type),
    )
    if (batch === undefined) batches.push((batch = { types: new Map(), queries: [] }))
    for (const [field, type] of hints) batch.types.set(field, type)
    batch.queries.push(query)
  }
  return batches
}

interface Parsed {
  readonly id: string
  readonly soql: string
  readonly query: Query
  readonly demand: Demand
}

describe('the queries that people wrote', () => {
  const refusals = new Map<string, string[]>()
  const ran = new Map<string, number>()
  const opened = new Set<string>()
  let databases: Databases
  let all = 0
  let defined = 0

  beforeAll(async () => {
    databases = await Databases.open()
  })

  const refuse = (error: unknown, id: string, soql: string): void => {
    if (!isMillraceError(error)) throw new Error(`${id}: ${soql}`, { cause: error })
    const reason = error.message.replace(/^SOQL, line \d+, column \d+: /, '')
    refusals.set(reason, [...(refusals.get(reason) ?? []), `${id}: ${soql}`])
  }

  async function runAll(world: World, { queries, types }: Batch, bench: Bench): Promise<void> {
    for (const { id, soql, query, demand: needs } of queries) {
      try {
        const compiled = compile(query, {
          ...{ kind: bench.kind, schema: world.schema, caller, binds: bindsOf(needs, types) },
          access: { mayObject: () => true, mayField: () => true },
        })
        for (const row of await bench.query(compiled.statement)) compiled.shape(row)
        ran.set(bench.kind, (ran.get(bench.kind) ?? 0) + 1)
      } catch (error) {
        refuse(error, id, soql)
      }
    }
  }

  for (const [repo, queries] of queriesByRepo())
    it(repo, { timeout: 120_000 }, async () => {
      const model = new Model(ownObjects(repo), standardObjects())
      const parsed = queries.flatMap(({ id, soql }): Parsed[] => {
        all++
        try {
          const query = parseSoql(soql)
          return [{ id, soql, query, demand: demand(query, model) }]
        } catch (error) {
          refuse(error, id, soql)
          return []
        }
      })
      defined += parsed.filter(({ demand: { known } }) => known === 'definition').length
      for (const batch of batchesOf(parsed)) {
        const world = worldOf(model, batch.types)
        for (const bench of await databases.benches(world)) {
          opened.add(bench.kind)
          await runAll(world, batch, bench)
          await bench.close()
        }
      }
    })

  it('run, at least 95 of a hundred, on each database; the rest is refused for documented reasons', () => {
    const shares = Array.from(opened, (kind) => (ran.get(kind) ?? 0) / all)
    expect(opened).toContain('sqlite')
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.95)
    const page = readFileSync('docs/soql.md', 'utf8')
    const told = `Of ${all.toLocaleString('en-US')} queries`
    expect(page.replaceAll(/\s+/g, ' ')).toContain(told)
    expect(page).toContain(`${Math.floor(100 * Math.min(...shares))} %`)
    const undocumented = [...refusals].filter(([reason]) => !documented.some((one) => one.test(reason)))
    expect(undocumented).toEqual([])
  })

  afterAll(async () => {
    await databases.close()
    const share = (count: number): string => `${count} of ${all} (${((100 * count) / all).toFixed(1)} %)`
    console.log(
      [
        `all names defined in the corpus' objects: ${share(defined)}`,
        ...[...ran].map(([kind, count]) => `run on ${kind}: ${share(count)}`),
        ...[...refusals].map(([reason, ids]) => `${ids.length} × ${reason}`),
      ].join('\n'),
    )
  })
})
