import { Access } from '../../packages/millrace/src/records/access/access.ts'
import { defineRole } from '../../packages/millrace/src/records/access/define-role.ts'
import type { Caller } from '../../packages/millrace/src/records/access/principal.ts'
import type { Query } from '../../packages/millrace/src/records/query/query.ts'
import { compile } from '../../packages/millrace/src/records/sql/compile.ts'
import type { Bench } from './databases.ts'
import { now } from './fixture-data.ts'
import { schema } from './fixture.ts'
import type { QueryCase } from './queries/query-case.ts'

/** May read all there is. */
export const reader = defineRole({ name: 'reader', allObjects: { read: true } })

export const access = new Access(schema, [reader])

export const callerOf = ({
  user,
  timeZone = 'UTC',
  tenant = 'acme',
  now: at = now,
}: Partial<QueryCase>): Caller => ({
  ...{ tenant, timeZone, now: at },
  principal: user === undefined ? null : { id: user, roles: [reader.name], timeZone },
})

/** The rows of a query as an application gets them; of COUNT() the number. */
export async function run(
  bench: Bench,
  query: Query,
  caller: Caller,
  binds?: Readonly<Record<string, unknown>>,
  rights: Access = access,
): Promise<readonly unknown[]> {
  const compiled = compile(query, {
    ...{ kind: bench.kind, schema, caller, access: rights },
    ...(binds === undefined ? {} : { binds }),
  })
  const rows = await bench.query(compiled.statement)
  if (compiled.count) return rows.map((row) => Number(Object.values(row)[0]))
  return rows.map((row) => compiled.shape(row))
}
