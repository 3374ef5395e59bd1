import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { application, expectError, fresh } from './fixtures.ts'
import { nextId } from './ids.ts'
import type { Open, Subject } from './subject.ts'

export function schema(open: Open): void {
  describe('schema', () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(async () => await subject.dispose())

    test('is missing at first, and check says so', async () => {
      await expectError(subject.storage.schema.check(), 'MILL_SCHEMA_MISSING')
    })

    test('comes into being once, in order, however many start at once', async () => {
      const another = subject.another ?? (async () => subject.storage)
      const processes = [subject.storage, await another(), await another(), await another()]
      const applied = await Promise.all(processes.map((storage) => storage.schema.migrate()))
      const all = applied.flat()
      expect(all.length).toBeGreaterThan(0)
      expect([...all].sort((a, b) => a - b)).toEqual(all.map((_, index) => index + 1))
      for (const numbers of applied) expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    })

    test('is complete then: nothing is left to do, and check is content', async () => {
      expect(await subject.storage.schema.migrate()).toEqual([])
      await subject.storage.schema.check()
    })

    test('tells a release that is too old for the database', async () => {
      const { controls, schema } = subject.storage
      const oldest = await controls.setting('oldest_release')
      await controls.setSetting('oldest_release', '9999.0.0')
      await expectError(schema.check(), 'MILL_RELEASE_TOO_OLD')
      await controls.setSetting('oldest_release', oldest ?? '0.0.0')
      await schema.check()
    })

    test('can be migrated under work: what is there stays', async () => {
      const { storage } = subject
      const spec = { tenant: fresh('t'), queue: 'default', name: 'send', version: 1, gated: false }
      const [lane] = await storage.lanes.intern([spec])
      await storage.schema.migrate()
      expect(await storage.lanes.intern([spec])).toEqual([lane])
    })
  })

  describe('close', () => {
    test('ends the storage, twice if need be; calls then fail with a code', async () => {
      const subject = await open()
      await subject.storage.schema.migrate()
      await subject.storage.close()
      await subject.storage.close()
      await expectError(subject.storage.history.jobs([nextId()]), 'MILL_STORAGE_CLOSED')
      await expectError(subject.storage.executions.abort(nextId()), 'MILL_STORAGE_CLOSED')
      await expectError(subject.storage.begin(application), 'MILL_STORAGE_CLOSED')
      await subject.dispose()
    })
  })
}
