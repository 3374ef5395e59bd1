import { describe, expect, test } from 'vitest'
import { check, describe as tell } from './checker.ts'
import { cleanHistory } from './clean-history.ts'
import { Findings } from './evidence.ts'
import { plants } from './plants.ts'

describe('the checker', () => {
  test('finds nothing in a history in which every promise was kept', () => {
    const clean = cleanHistory()
    expect(tell(check(clean), clean)).toMatch(/^0 violations/)
  })

  test.each(plants.map((plant) => [plant.invariant, plant.name, plant] as const))(
    '%s: %s',
    (invariant, _name, plant) => {
      const planted = plant.plant(new Findings(cleanHistory()))
      expect(planted).not.toBeNull()
      expect(check(planted!).map((violation) => violation.invariant)).toContain(invariant)
    },
  )

  test('shows the events of the job a violation is about', () => {
    const doubled = plants.find(({ name }) => name === 'an effect is doubled')
    const planted = doubled!.plant(new Findings(cleanHistory()))!
    const text = tell(check(planted), planted)
    expect(text).toMatch(/I-2: job-effect seq 0 attempt 1 left 2 effect rows, not 1/)
    expect(text).toMatch(/"kind":"start"/)
  })

  test('has a plant for every invariant it checks', () => {
    const covered = new Set(plants.map(({ invariant }) => invariant))
    expect([...covered].sort()).toEqual(
      [
        'I-1',
        'I-10',
        'I-11',
        'I-13',
        'I-14',
        'I-15',
        'I-17',
        'I-2',
        'I-3',
        'I-4',
        'I-5',
        'I-6',
        'I-7',
        'I-8',
        'I-9',
      ].sort(),
    )
  })
})
