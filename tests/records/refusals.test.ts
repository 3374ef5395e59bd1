import { expect, it } from 'vitest'
import { MillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import { compile } from '../../packages/millrace/src/records/sql/compile.ts'
import { parseSoql } from '../../packages/millrace/src/records/soql/parse.ts'
import { schema } from './fixture.ts'
import { refusals } from './queries/refusals.ts'
import { access, callerOf } from './run.ts'

it.each(refusals)('%s is %s (%s)', (soql, code, word) => {
  for (const kind of ['sqlite', 'postgres'] as const) {
    const refused = () => compile(parseSoql(soql), { kind, schema, access, caller: callerOf({}), binds: {} })
    expect(refused).toThrow(MillraceError)
    expect(refused).toThrow(expect.objectContaining({ code }))
    expect(refused).toThrow(word)
  }
})
