import { expect, test } from 'vitest'
import type { Claimed, Lane } from '../../kernel/rules/execution.ts'
import { ExecutionScope } from '../../kernel/runtime/execution-scope.ts'
import { flagsPart, type FlagContext, type Flags, type FlagSource } from './flags.ts'

function flagsOver(source: FlagSource | undefined): Flags {
  const lane = { tenant: 'acme', name: 'work' } as Lane
  const scope = new ExecutionScope({ job: 'j' } as Claimed, lane, null, () =>
    Promise.reject(new Error('flags need no transaction')),
  )
  return flagsPart(source).open(scope).value
}

test('the source answers, at once or later, and is told for whom', async () => {
  const asked: [flag: string, context: FlagContext][] = []
  const flags = flagsOver((flag, context) => {
    asked.push([flag, context])
    return flag === 'later' ? Promise.resolve(true) : flag === 'on'
  })
  expect(await flags.isEnabled('on')).toBe(true)
  expect(await flags.isEnabled('later')).toBe(true)
  expect(await flags.isEnabled('off')).toBe(false)
  expect(asked[0]).toEqual(['on', { tenant: 'acme', name: 'work' }])
})

test('unknown is off', async () => {
  expect(await flagsOver(undefined).isEnabled('new')).toBe(false)
  expect(await flagsOver(() => undefined).isEnabled('new')).toBe(false)
  expect(await flagsOver(async () => undefined).isEnabled('new')).toBe(false)
})

test('only true is on', async () => {
  for (const answer of ['true', 1, {}, null])
    expect(await flagsOver(() => answer as unknown as boolean).isEnabled('new')).toBe(false)
})

test('a source that throws means off', async () => {
  const throws: FlagSource = () => {
    throw new Error('no luck')
  }
  expect(await flagsOver(throws).isEnabled('new')).toBe(false)
  expect(await flagsOver(() => Promise.reject(new Error('no luck'))).isEnabled('new')).toBe(false)
})
