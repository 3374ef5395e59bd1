import { globSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMillraceError, MillraceError } from '../kernel/rules/errors.ts'
import { isRoleDefinition, type RoleDefinition } from '../records/access/define-role.ts'
import { isObjectDefinition, type ObjectDefinition } from '../records/object/object.ts'
import { isSavedQuery, type SavedQuery } from '../records/saved-query/saved-query.ts'
import { isTriggerDefinition, type TriggerDefinition } from '../records/trigger/trigger.ts'
import { isDefinition, type Definition } from '../tools/definition.ts'
import { isScheduleDefinition, type ScheduleDefinition } from '../tools/schedule/define.ts'
import type { MillConfig } from './config.ts'

/** Whatever `define…` makes. */
export type AnyDefinition =
  Definition | ObjectDefinition | RoleDefinition | TriggerDefinition | SavedQuery | ScheduleDefinition

/** All of an installation, each once. */
export interface LoadedDefinitions {
  readonly tools: readonly Definition[]
  readonly objects: readonly ObjectDefinition[]
  readonly roles: readonly RoleDefinition[]
  readonly triggers: readonly TriggerDefinition[]
  readonly savedQueries: readonly SavedQuery[]
  readonly schedules: readonly ScheduleDefinition[]
}

/** Every definition the configuration names, modules imported; throws on two with one name, and on a pattern that finds nothing. */
export async function loadDefinitions(
  entries: MillConfig['definitions'] = [],
  directory: string = process.cwd(),
): Promise<LoadedDefinitions> {
  const found = new Set<AnyDefinition>()
  for (const entry of entries) {
    if (typeof entry === 'string') for (const one of await importAll(entry, directory)) found.add(one)
    else if (isAnyDefinition(entry)) found.add(entry)
    else
      throw new MillraceError(
        'MILL_CONFIG_INVALID',
        `config definitions holds ${typeof entry}; it takes definitions and glob patterns`,
      )
  }
  const all = [...found]
  return {
    tools: unique(
      all.filter(isDefinition),
      ({ name, version }) => `${name}@${version}`,
      ({ name, version }) => `two definitions are named ${name} (version ${version})`,
    ),
    objects: all.filter(isObjectDefinition),
    roles: all.filter(isRoleDefinition),
    triggers: all.filter(isTriggerDefinition),
    savedQueries: unique(
      all.filter(isSavedQuery),
      ({ name }) => name.toLowerCase(),
      ({ name }) => `two saved queries are named ${name}`,
    ),
    schedules: unique(
      all.filter(isScheduleDefinition),
      ({ tenant, name }) => `${tenant} ${name}`,
      ({ tenant, name }) => `two schedules of tenant ${tenant} are named ${name}`,
    ),
  }
}

function isAnyDefinition(value: unknown): value is AnyDefinition {
  return [
    isDefinition,
    isObjectDefinition,
    isRoleDefinition,
    isTriggerDefinition,
    isSavedQuery,
    isScheduleDefinition,
  ].some((is) => is(value))
}

async function importAll(pattern: string, directory: string): Promise<AnyDefinition[]> {
  const files = globSync(pattern, { cwd: directory }).sort()
  if (files.length === 0)
    throw new MillraceError(
      'MILL_CONFIG_INVALID',
      `config definitions: ${JSON.stringify(pattern)} matches no file in ${directory}`,
    )
  const found: AnyDefinition[] = []
  for (const file of files) {
    const exported = await importOne(resolve(directory, file))
    for (const value of Object.values(exported)) if (isAnyDefinition(value)) found.push(value)
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

/** The same value may be reached twice, through two modules; two values of one name are refused. */
function unique<D>(
  definitions: readonly D[],
  keyOf: (one: D) => string,
  twice: (one: D) => string,
): readonly D[] {
  const keys = new Set<string>()
  for (const one of definitions) {
    if (keys.has(keyOf(one))) throw new MillraceError('MILL_DEFINITION_DUPLICATE', twice(one))
    keys.add(keyOf(one))
  }
  return definitions
}
