import { expect, test } from 'vitest'
import { defineObject } from './define-object.ts'
import { id, reference, text } from './field.ts'

const nul = 'a\0b'
test.for([
  ['column', text({ column: '' })],
  ['column', text({ column: nul })],
  ['column', text({ column: 5 as unknown as string })],
  ['typeColumn', reference(['A', 'B'], { typeColumn: '' })],
  ['typeColumn', reference(['A', 'B'], { typeColumn: nul })],
  ['typeColumn', reference(['A', 'B'], { typeColumn: null as unknown as string })],
] as const)('a %s that cannot be the name of one is refused, %#', ([option, field]) => {
  expect(() => defineObject({ name: 'Thing', fields: { Id: id(), Odd: field } })).toThrow(
    expect.objectContaining({
      code: 'MILL_OBJECT_INVALID',
      message: expect.stringContaining(`field Odd has no valid ${option}`) as string,
    }),
  )
})

test('a reference to several objects needs a typeColumn', () => {
  const define = (field: ReturnType<typeof reference>) =>
    defineObject({ name: 'Thing', fields: { Id: id(), About: field } })
  expect(() => define(reference(['A', 'B']))).toThrow(/needs a typeColumn/)
  expect(define(reference(['A', 'B'], { typeColumn: 'about type' })).fields.About.typeColumn).toBe(
    'about type',
  )
})
