import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError } from '../kernel/rules/errors.ts'
import type { MillConfig } from './config.ts'

const names = ['millrace.config.ts', 'millrace.config.mjs', 'millrace.config.js']

export interface LoadedConfig {
  readonly path: string
  readonly config: MillConfig
}

/**
 * Reads `path`, or the nearest millrace.config.{ts,mjs,js} from `directory` upwards; its glob patterns become absolute. null when there is none. Throws
 * MILL_CONFIG_INVALID when the file cannot be read or has no default export.
 */
export async function loadConfig(
  path?: string,
  directory: string = process.cwd(),
): Promise<LoadedConfig | null> {
  const found = path === undefined ? nearest(resolve(directory)) : resolve(directory, path)
  if (found === null) return null
  if (!existsSync(found)) throw new MillraceError('MILL_CONFIG_INVALID', `there is no config file ${found}`)
  let config: unknown
  try {
    config = ((await import(pathToFileURL(found).href)) as { default?: unknown }).default
  } catch (cause) {
    throw new MillraceError(
      'MILL_CONFIG_INVALID',
      `config file ${found} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
  if (typeof config !== 'object' || config === null)
    throw new MillraceError(
      'MILL_CONFIG_INVALID',
      `config file ${found} has no default export made by defineConfig`,
    )
  return { path: found, config: absolute(config, dirname(found)) }
}

function nearest(directory: string): string | null {
  for (const name of names) {
    const path = join(directory, name)
    if (existsSync(path)) return path
  }
  const parent = dirname(directory)
  return parent === directory ? null : nearest(parent)
}

/** Paths in a config file are relative to it, wherever the command runs. */
function absolute(config: MillConfig, directory: string): MillConfig {
  const { definitions, storage } = config
  return {
    ...config,
    ...(definitions === undefined
      ? {}
      : {
          definitions: definitions.map((entry) =>
            typeof entry === 'string' && !isAbsolute(entry) ? join(directory, entry) : entry,
          ),
        }),
    ...(storage === undefined ? {} : { storage: absoluteStorage(storage, directory) }),
  }
}

function absoluteStorage(storage: string, directory: string): string {
  const path = storage.startsWith('sqlite:') ? storage.slice('sqlite:'.length) : null
  return path === null || path === ':memory:' || path === '' || isAbsolute(path)
    ? storage
    : `sqlite:${join(directory, path)}`
}
