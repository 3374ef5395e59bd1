import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expect, test } from 'vitest'
import { isDefinition, validate } from './definition.ts'
import { defineQueueable } from './queueable/define.ts'

type Result = StandardSchemaV1.Result<unknown>

function schema(answer: (value: unknown) => Result | Promise<Result>): StandardSchemaV1 {
  return { '~standard': { version: 1, vendor: 'test', validate: answer } }
}

test('isDefinition tells definitions from all else', () => {
  expect(isDefinition(defineQueueable({ name: 'work', execute: () => 1 }))).toBe(true)
  for (const other of [null, undefined, 'definition', 1, {}, [], { kind: 'other' }, () => 1])
    expect(isDefinition(other)).toBe(false)
})

test('without a schema the value stays what it is', async () => {
  const value = { a: 1 }
  expect(await validate(undefined, value, 'input of work')).toBe(value)
})

test('what the schema makes of the value, at once or later', async () => {
  expect(
    await validate(
      schema((value) => ({ value: [value] })),
      1,
      'input',
    ),
  ).toEqual([1])
  expect(
    await validate(
      schema(async (value) => ({ value: [value] })),
      1,
      'input',
    ),
  ).toEqual([1])
})

test('every issue is in the data, with its path; five are in the message', async () => {
  const issues: StandardSchemaV1.Issue[] = [
    { message: 'too small', path: ['rows', 0, { key: 'sum' }] },
    ...[1, 2, 3, 4, 5].map((n) => ({ message: `bad ${n}` })),
  ]
  for (const bad of [schema(() => ({ issues })), schema(async () => ({ issues }))])
    await expect(validate(bad, 1, 'input of work')).rejects.toMatchObject({
      code: 'MILL_INPUT_INVALID',
      message: 'input of work: rows.0.sum: too small; bad 1; bad 2; bad 3; bad 4',
      data: {
        issues: [
          { message: 'too small', path: 'rows.0.sum' },
          ...[1, 2, 3, 4, 5].map((n) => ({ message: `bad ${n}`, path: '' })),
        ],
      },
    })
})
