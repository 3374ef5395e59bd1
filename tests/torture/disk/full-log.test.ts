import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createMill } from '../../../packages/millrace/src/index.ts'
import { definitions } from '../process/poison-main.ts'
import { sqliteTarget } from '../target.ts'
import { until } from '../until.ts'
import { smallDisk } from './small-disk.ts'

const main = fileURLToPath(new URL('../process/poison-main.ts', import.meta.url))
const disk = smallDisk(8)
const soon = { timeout: '15 seconds' }

test.skipIf(disk === undefined)(
  'a worker whose log is on a full disk goes on, and logs again when there is room',
  { timeout: 60_000 },
  async () => {
    const target = await sqliteTarget()
    const { storage = '' } = target.config
    const place = join(disk!.path, 'log')
    const log = openSync(place, 'a')
    const worker = spawn(process.execPath, [main, JSON.stringify({ config: { storage } })], {
      stdio: ['ignore', log, 'ignore'],
    })
    const mill = await createMill({ storage, definitions: Object.values(definitions) })
    try {
      disk!.fill()
      const { size } = statSync(place)
      await (await mill.enqueue(definitions.poison, 'floods the log')).completed(soon)
      await (await mill.enqueue(definitions.innocent, 'unharmed')).completed(soon)
      expect(statSync(place).size).toBeLessThan(size + 4096)
      disk!.free()
      await (await mill.enqueue(definitions.poison, 'floods the log')).completed(soon)
      await until('it logs', 10_000, () => statSync(place).size > 100_000)
      expect(worker.exitCode).toBeNull()
    } finally {
      worker.kill('SIGTERM')
      if (worker.exitCode === null) await once(worker, 'exit')
      await mill.stop()
      closeSync(log)
      await target.drop()
      disk!.drop()
    }
  },
)
