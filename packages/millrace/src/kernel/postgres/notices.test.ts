import { describe, expect, test } from 'vitest'
import type { Wake } from '../storage/wakeups.ts'
import { decode, encode, WakeSet } from './notices.ts'

const id = '01890a5d-ac96-774b-bcce-b302099a8057'

describe('notices', () => {
  const wakes: readonly Wake[] = [
    { topic: 'new', lanes: [1, 2, 3] },
    { topic: 'back', lanes: [4] },
    { topic: 'abort', jobs: [id, id] },
    { topic: 'config' },
    { topic: 'rescan' },
    { topic: 'due', inMs: 1_500 },
  ]

  test('are short texts, which read back as they were', () => {
    expect(encode(wakes)).toEqual([
      'new 1,2,3',
      'back 4',
      `abort ${id},${id}`,
      'config',
      'rescan',
      'due 1500',
    ])
    expect(encode(wakes).map(decode)).toEqual(wakes)
  })

  test('never exceed what NOTIFY takes', () => {
    const lanes = Array.from({ length: 401 }, (_, index) => 2_000_000_000 + index)
    expect(encode([{ topic: 'new', lanes }])).toEqual(['rescan'])
    expect(encode([{ topic: 'back', lanes: lanes.slice(1) }])[0]!.length).toBeLessThan(8_000)
    const jobs = Array.from({ length: 101 }, () => id)
    expect(encode([{ topic: 'abort', jobs }])).toEqual(['rescan'])
    expect(encode([{ topic: 'abort', jobs: jobs.slice(1) }])[0]!.length).toBeLessThan(8_000)
  })

  test('are not sent for nothing, nor twice', () => {
    expect(encode([{ topic: 'new', lanes: [] }, { topic: 'config' }, { topic: 'config' }])).toEqual([
      'config',
    ])
  })

  test('of a newer release mean: look at everything', () => {
    expect(decode('tomorrow 1,2')).toEqual({ topic: 'rescan' })
  })

  test('gather lanes once and the soonest time', () => {
    expect(new WakeSet().wakes).toEqual([])
    expect(new WakeSet().new(1).new(1).new(2).back(1).due(9).due(0.5).due(7).wakes).toEqual([
      { topic: 'new', lanes: [1, 2] },
      { topic: 'back', lanes: [1] },
      { topic: 'due', inMs: 0.5 },
    ])
  })
})
