import { expect, test } from 'vitest'
import type { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import type { StateAccess } from '../../kernel/storage/states.ts'
import { storeRows } from './source.ts'

test('two runs of a start under one attempt, by two processes, store their pages apart', async () => {
  const pages = new Map<string, string>()
  const beside = {
    putPage: (job: string, lease: number, number: number, rows: string) => {
      pages.set(`${job} ${lease} ${number}`, rows)
      return Promise.resolve()
    },
  } as unknown as StateAccess
  const under = (lease: number): ExecutionScope =>
    ({
      run: { job: 'j', seq: 0, attempt: 1, lease },
      opening: null,
      signal: new AbortController().signal,
    }) as unknown as ExecutionScope
  const how = { size: 1, where: 'batch b' }
  const first = await storeRows([{ of: 'first' }, { of: 'first' }], under(7), beside, how)
  const second = await storeRows([{ of: 'second' }], under(8), beside, how)
  expect(first).toEqual({ source: { kind: 'rows', lease: 7, pages: 2 }, total: 2 })
  expect(second).toEqual({ source: { kind: 'rows', lease: 8, pages: 1 }, total: 1 })
  expect([...pages]).toEqual([
    ['j 7 0', '{"json":[{"of":"first"}]}'],
    ['j 7 1', '{"json":[{"of":"first"}]}'],
    ['j 8 0', '{"json":[{"of":"second"}]}'],
  ])
})
