import { expect, it } from 'vitest'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { now, world } from './fixture-data.ts'
import { markerOf, tenants } from './fixture.ts'
import { evaluate, type Answer } from './oracle/oracle.ts'
import { queries } from './queries/all.ts'
import { caseOf } from './queries/query-case.ts'
import { callerOf } from './run.ts'

const size = (answer: Answer): number =>
  answer.kind === 'count' ? answer.count : answer.ties.reduce((sum, tie) => sum + tie.length, 0)

it('most queries find something, and most conditions leave something out', () => {
  const empty: string[] = []
  let filtering = 0
  let all = 0
  for (const [name, group] of Object.entries(queries)) {
    if (name === 'tenancy') continue
    for (const one of group.map(caseOf)) {
      const query = parseSoql(one.soql)
      const { where: _, having: __, ...open } = query
      const env = { world, caller: callerOf(one), ...(one.binds === undefined ? {} : { binds: one.binds }) }
      const found = size(evaluate(query, env))
      if (found === 0) empty.push(one.soql)
      if (query.where === undefined) continue
      all++
      if (found < size(evaluate(open, env))) filtering++
    }
  }
  expect(filtering / all).toBeGreaterThan(0.9)
  expect(empty.length).toBeLessThan(all / 8)
})

it('tenants share ids, and only their own rows have their marker', () => {
  for (const name of ['Folder', 'Secret']) {
    const rows = world.rows[name] ?? []
    const [ours, theirs] = tenants.map((tenant) => rows.filter((rec) => rec['Tenant__c'] === tenant))
    expect(ours?.map(({ Id }) => Id)).toEqual(theirs?.map(({ Id }) => Id))
    for (const rec of rows)
      for (const tenant of tenants)
        expect(String(rec['Name']).includes(markerOf(tenant))).toBe(rec['Tenant__c'] === tenant)
  }
  expect(new Date(now).toISOString()).toBe('2026-03-31T22:30:00.000Z')
})
