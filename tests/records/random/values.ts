import fc from 'fast-check'
import type { FieldInfo } from '../../../packages/millrace/src/records/object/schema.ts'
import type { Scalar } from '../../../packages/millrace/src/records/query/query.ts'
import { awkward, edgeDays, edgeInstants, world } from '../fixture-data.ts'
import { literals } from '../queries/dates.ts'

/** Values that stand in the fixture, their neighbours, and some that stand nowhere. */

const numbers = [0, 1, -1, 0.1, 0.01, 1.5, 42, 99.99, 100, 250000, 1e15, -5000, 12345.678, 1e-9]
const integers = [0, 1, 2, 5, 10, 100, 250, -3, 100_000, 7, 9_007_199_254_740_991]

const cases = [
  (text: string) => text,
  (text: string) => text.toLowerCase(),
  (text: string) => text.toUpperCase(),
]

export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom(...awkward), fc.constantFrom(...cases)).map(([text, change]) => change(text)),
  fc.constantFrom('', 'berlin', 'Köln', 'DE', 'widget', 'anna', 'ADA', 'code-3', 'Code-3', 'CASE-7'),
  fc.string({ unit: 'grapheme', maxLength: 6 }).filter((text) => !text.includes('\0')),
)

export const anyPattern: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '%',
        '_',
        '\\%',
        '\\_',
        '\\\\',
        'a',
        'E',
        'ß',
        'Ä',
        'σ',
        '🚀',
        "'",
        '50',
        'ac',
        'er',
        ' ',
      ),
      fc.constantFrom(...awkward).map((text) => text.replace(/[\\%_]/g, '\\$&')),
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''))

export const literal = (): fc.Arbitrary<Scalar> =>
  fc.constantFrom(...literals).chain((text) => {
    const [name = '', n] = text.split(':')
    if (n === undefined) return fc.constant({ kind: 'dateLiteral', name })
    return fc.integer({ min: 0, max: 30 }).map((times) => ({ kind: 'dateLiteral', name, n: times }))
  })

const scalar = (kind: 'text' | 'number' | 'date' | 'datetime', value: unknown): Scalar =>
  ({ kind, value }) as Scalar

export function valueFor({ type, numeric, references, values }: FieldInfo): fc.Arbitrary<Scalar> {
  switch (type) {
    case 'id':
    case 'reference': {
      if (numeric) return fc.integer({ min: 0, max: 170 }).map((value) => scalar('number', value))
      const ids = references.flatMap((name) => world.rows[name]?.map(({ Id }) => String(Id)) ?? [])
      return fc.constantFrom('a00001', 'c00010', 'u00002', 'nobody', ...ids).map((id) => scalar('text', id))
    }
    case 'number':
    case 'currency':
      return fc.constantFrom(...numbers).map((value) => scalar('number', value))
    case 'integer':
      return fc.constantFrom(...integers).map((value) => scalar('number', value))
    case 'boolean':
      return fc.boolean().map((value) => ({ kind: 'boolean', value }))
    case 'date':
      return fc.constantFrom(...edgeDays).map((value) => scalar('date', value))
    case 'datetime':
      return fc.constantFrom(...edgeInstants).map((at) => scalar('datetime', new Date(at).toISOString()))
    case 'picklist':
    case 'multipicklist':
      return fc
        .tuple(
          fc.constantFrom('none of them', ...values.map(({ value }) => value)),
          fc.constantFrom(...cases),
        )
        .map(([value, change]) => scalar('text', change(value)))
    default:
      return anyText.map((value) => scalar('text', value))
  }
}
