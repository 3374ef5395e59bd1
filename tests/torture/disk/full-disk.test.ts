import { afterAll, describe, expect, test } from 'vitest'
import { plantAll } from '../kills.ts'
import { codesOfCalls, fullDisks } from './full-disk.ts'
import { postgresOnSmallDisks, sqliteOnSmallDisk } from './full-targets.ts'

const all = [
  ['sqlite', sqliteOnSmallDisk()],
  ['postgres', await postgresOnSmallDisks()],
] as const
afterAll(async () => {
  for (const [, place] of all) await place?.drop()
})

describe.each(all)('a disk of %s that is full again and again', (_kind, place) => {
  test.skipIf(place === undefined)(
    'is told by a code, and nothing is lost, doubled or left over',
    { timeout: 120_000 },
    async () => {
      const { report, evidence } = await fullDisks(await place!.open(), place!.disks, { times: 4, seed: 4 })
      expect(report).toBe('')
      const codes = new Set(codesOfCalls(evidence.entries))
      expect(codes.size).toBeGreaterThan(0)
      for (const code of codes) expect(code).toMatch(/^MILL_|^rolled back$/)
      expect(plantAll(evidence).missed).toEqual([])
    },
  )
})
