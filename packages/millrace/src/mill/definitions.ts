import { globSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMillraceError, MillraceError } from '../kernel/rules/errors.ts'
import { isDefinition, type Definition } from '../tools/definition.ts'
import type { MillConfig } from './config.ts'

/** Every definition the configuration names, modules imported; throws on two with one name, and on a pattern that finds nothing. */
export async function loadDefinitions(
  entries: MillConfig['definitions'] = [],
  directory: string = process.cwd(),
): Promise<readonly Definition[]> {
  const found: Definition[] = []
  for (const entry of entries) {
    if (typeof entry === 'string') found.push(...(await importAll(entry, directory)))
    else if (isDefinition(entry)) found.push(entry)
    else
      throw new MillraceError(
        'MILL_CONFIG_INVALID',
        `config definitions holds ${typeof entry}; it takes definitions and glob patterns`,
      )
  }
  return uniqueByName(found)
}

async function importAll(pattern: string, directory: string): Promise<Definition[]> {
  const files = globSync(pattern, { cwd: directory }).sort()
  if (files.length === 0)
    throw new MillraceError(
      'MILL_CONFIG_INVALID',
      `config definitions: ${JSON.stringify(pattern)} matches no file in ${directory}`,
    )
  const found: Definition[] = []
  for (const file of files) {
    const exported = await importOne(resolve(directory, file))
    for (const value of Object.values(exported)) if (isDefinition(value)) found.push(value)
  }
  return found
}

async function importOne(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (cause) {
    if (isMillraceError(cause)) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('MILL_CONFIG_INVALID', `definitions in ${path} cannot be loaded: ${why}`, {
      cause,
    })
  }
}

function uniqueByName(definitions: readonly Definition[]): readonly Definition[] {
  const byName = new Map<string, Definition>()
  for (const definition of definitions) {
    const { name, version } = definition
    const key = `${name}@${version}`
    const other = byName.get(key)
    // The same value may be reached twice, through two modules.
    if (other !== undefined && other !== definition)
      throw new MillraceError(
        'MILL_DEFINITION_DUPLICATE',
        `two definitions are named ${name} (version ${version})`,
      )
    byName.set(key, definition)
  }
  return [...byName.values()]
}
