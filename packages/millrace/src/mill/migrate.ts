import type { MillConfig } from './config.ts'
import { openStorage } from './storage-url.ts'
import { settingsOf } from './settings.ts'

/**
 * Creates or upgrades the tables and closes the database again; resolves with the numbers applied, none when all were there. Safe
 * while others run or migrate. Throws MILL_CONFIG_INVALID, MILL_STORAGE_*, MILL_RELEASE_TOO_OLD.
 */
export async function migrate(config: MillConfig = {}): Promise<readonly number[]> {
  const { storage } = await openStorage(settingsOf(config), config, {})
  try {
    return await storage.schema.migrate()
  } finally {
    await storage.close()
  }
}
