import { migrate as migrateTables } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { findConfig, look, shownStorage } from '../session.ts'
import { print } from '../text.ts'

export async function migrate(options: GlobalOptions & { readonly check?: true | undefined }): Promise<void> {
  if (options.check) {
    await look(options, async () => undefined)
    if (options.json) printJson({ missing: [] })
    else print('up to date')
    return
  }
  const { config } = await findConfig(options)
  const applied = await migrateTables(config)
  if (options.json) printJson({ applied })
  else if (applied.length === 0) print(`${shownStorage(config)} is up to date`)
  else print(`${shownStorage(config)}: applied ${applied.join(', ')}`)
}
