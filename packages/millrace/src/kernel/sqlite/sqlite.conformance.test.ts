import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { conformance, type Subject } from '../storage/conformance/index.ts'
import type { Storage } from '../storage/storage.ts'
import { openSqlite } from './open.ts'

const release = '0.1.0'

conformance('sqlite file', async (): Promise<Subject> => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-sqlite-'))
  const opened: Storage[] = []
  const another = async (): Promise<Storage> => {
    const storage = await openSqlite({ path: join(folder, 'mill.db'), release })
    opened.push(storage)
    return storage
  }
  return {
    storage: await another(),
    another,
    dispose: async () => {
      for (const storage of opened) await storage.close()
      await rm(folder, { recursive: true })
    },
  }
})

conformance(
  'sqlite in memory',
  async (): Promise<Subject> => {
    const storage = await openSqlite({ path: ':memory:', release })
    return { storage, dispose: () => storage.close() }
  },
  { alone: true },
)
