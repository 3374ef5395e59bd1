import { describe, expect, test } from 'vitest'
import { cutPower, powerCutImages, record } from './power-cut.ts'
import { straceHere } from './syscalls.ts'

const images = 50

describe.skipIf(!straceHere())('the power goes while workers write to SQLite', () => {
  test('what was acknowledged is there, and a worker goes on from it', { timeout: 120_000 }, async () => {
    const recording = await record(50, 'FULL')
    const { wrong, report } = await cutPower(recording, { images, seed: 50, resumed: 2 })
    expect(report).toBe('')
    expect(wrong).toBe(0)

    // The same on a disk that says it has synced and has not: it must be found out.
    const lying = { ...recording, events: recording.events.filter(({ kind }) => kind !== 'sync') }
    const lost = await cutPower(lying, { images, seed: 50 })
    expect(lost.wrong).toBeGreaterThan(images / 2)
  })

  test(
    'with synchronous NORMAL some of it is lost, and nothing is damaged',
    { timeout: 120_000 },
    async () => {
      const { wrong, damaged } = await powerCutImages({ images, seed: 51, synchronous: 'NORMAL' })
      expect(wrong).toBeGreaterThan(images / 2)
      expect(damaged).toBe(0)
    },
  )
})
