import { afterAll, beforeAll, describe } from 'vitest'
import { conditions } from './conditions.ts'
import { groups } from './groups.ts'
import { selections } from './selections.ts'
import { fill, type Open, type Subject } from './subject.ts'

import { fillMany, plans } from './plans.ts'

/** Statements mean the same on this database as on the other. */
export function conformance(name: string, open: Open, skip = false): void {
  describe.skipIf(skip)(`queries on ${name}`, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await open()
      await fill(subject.records)
    })
    afterAll(() => subject.dispose())
    const here = (): Subject => subject
    describe('conditions', () => conditions(here))
    describe('selections', () => selections(here))
    describe('groups', () => groups(here))
  })
}

/** Statements use the indexes of their fields. */
export function planConformance(name: string, open: Open, skip = false): void {
  describe.skipIf(skip)(`plans on ${name}`, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await open()
      await fillMany(subject.records)
    })
    afterAll(() => subject.dispose())
    plans(() => subject.records)
  })
}
