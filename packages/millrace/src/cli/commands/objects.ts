import { writeFile } from 'node:fs/promises'
import {
  introspectObjects,
  listObjects,
  objectStatements,
  triggerStatements,
  type ObjectSummary,
} from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { demandDatabase, findConfig } from '../session.ts'
import { printTable } from '../table.ts'
import { note, print } from '../text.ts'

export async function listKnownObjects(options: GlobalOptions): Promise<void> {
  const { config } = await findConfig(options)
  const objects = await listObjects(config)
  if (options.json) printJson(objects)
  else
    printTable<ObjectSummary>(
      [
        { title: 'OBJECT', value: ({ name }) => name },
        { title: 'FIELDS', value: ({ fields }) => String(fields), right: true },
        { title: 'ACCESS', value: ({ readOnly }) => (readOnly ? 'read' : 'read, write') },
        { title: 'TABLE', value: ({ table }) => table ?? '(of the engine)' },
      ],
      objects,
    )
}

export async function introspectTables(
  options: GlobalOptions & { readonly table: readonly string[]; readonly out?: string | undefined },
): Promise<void> {
  const { config } = await findConfig(options)
  demandDatabase(config)
  const { table, out } = options
  const text = await introspectObjects(config, table.length === 0 ? {} : { tables: table })
  if (out !== undefined) {
    // Never over definitions that somebody has gone on with.
    await writeFile(out, text, { flag: 'wx' })
    note(`wrote ${out}`)
  }
  if (options.json) printJson(out === undefined ? { source: text } : { file: out })
  else if (out === undefined) print(text.trimEnd())
}

export async function createObjects(
  names: readonly string[],
  options: GlobalOptions & { readonly for?: 'sqlite' | 'postgres' | undefined },
): Promise<void> {
  const { config } = await findConfig(options)
  const statements = await objectStatements(config, {
    ...(names.length === 0 ? {} : { names }),
    ...(options.for === undefined ? {} : { database: options.for }),
  })
  if (options.json) printJson({ statements })
  else for (const statement of statements) print(statement)
}

export async function createTriggers(names: readonly string[], options: GlobalOptions): Promise<void> {
  const { config } = await findConfig(options)
  const statements = await triggerStatements(config, names.length === 0 ? {} : { names })
  if (options.json) printJson({ statements })
  else if (statements.length === 0) note('no object of the config has after-triggers')
  else for (const statement of statements) print(statement)
}
