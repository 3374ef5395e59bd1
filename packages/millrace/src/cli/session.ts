import { existsSync } from 'node:fs'
import { createMill, loadConfig, MillraceError, stdoutSink, type Mill, type MillConfig } from '../index.ts'
import type { GlobalOptions } from './global-options.ts'

export interface FoundConfig {
  readonly config: MillConfig
  /** null: there is no config file. */
  readonly path: string | null
}

/**
 * The config file, with `--storage` over it. Without a file the storage is MILLRACE_STORAGE, DATABASE_URL, or the default. Log lines
 * go to stderr: stdout belongs to the command.
 */
export async function findConfig({ config: file, storage }: GlobalOptions): Promise<FoundConfig> {
  const loaded = await loadConfig(file)
  const config: MillConfig = loaded?.config ?? fromEnvironment()
  return {
    path: loaded?.path ?? null,
    config: { ...config, ...(storage === undefined ? {} : { storage }) },
  }
}

function fromEnvironment(): MillConfig {
  const storage = process.env['MILLRACE_STORAGE'] || process.env['DATABASE_URL']
  return storage ? { storage } : {}
}

/** A mill that looks at what is there: it knows no definitions and makes no tables. */
export async function look<T>(options: GlobalOptions, work: (mill: Mill) => Promise<T>): Promise<T> {
  const { config } = await findConfig(options)
  return withMill({ ...quietly(config), definitions: [], migrate: false }, work)
}

/** Stops the mill whatever happens. */
export async function withMill<T>(config: MillConfig, work: (mill: Mill) => Promise<T>): Promise<T> {
  if (config.migrate === false) demandDatabase(config)
  const mill = await createMill(config)
  try {
    return await work(mill)
  } finally {
    await mill.stop()
  }
}

/** The same config, whose log lines go to stderr from WARN on. */
export function quietly(config: MillConfig): MillConfig {
  return { ...config, log: { level: 'WARN', sink: stdoutSink(process.stderr) } }
}

export function storageOf(config: MillConfig): string {
  return config.storage ?? 'sqlite:data/millrace.db'
}

/** For people: without user and password. */
export function shownStorage(config: MillConfig): string {
  const storage = storageOf(config)
  if (!URL.canParse(storage) || storage.startsWith('sqlite:')) return storage
  const { protocol, host, pathname } = new URL(storage)
  return `${protocol}//${host}${pathname}`
}

/** Opening a SQLite file makes it; looking should not. */
export function demandDatabase(config: MillConfig): void {
  const storage = storageOf(config)
  const path = storage.startsWith('sqlite:') ? storage.slice('sqlite:'.length) : ':memory:'
  if (path === ':memory:' || path === '' || existsSync(path)) return
  throw new MillraceError('MILL_SCHEMA_MISSING', `there is no database ${path}`, { data: { path } })
}
