import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { temporaryDirectory } from '../../tests/support/server-process.ts'
import { serverSettings } from './postgres.ts'
import { scenarios } from './scenarios.ts'

export interface Environment {
  readonly kind: 'environment'
  readonly cores: number
  readonly cpu: string
  readonly memoryGiB: number
  readonly node: string
  readonly sqlite: string
  /** Version and settings of the server, by name. */
  readonly postgres: Readonly<Record<string, string>> | null
  readonly redis: string | null
  /** Versions, by package. */
  readonly peers: Readonly<Record<string, string>>
  /** Syncs a second after a write of 8 kB. */
  readonly syncsPerSecond: number
}

export async function environment(server: string): Promise<Environment> {
  return {
    kind: 'environment',
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    sqlite: process.versions.sqlite as string,
    postgres: server === '' ? null : await serverSettings(server),
    redis: redisVersion(),
    peers: peerVersions(),
    syncsPerSecond: syncsPerSecond(),
  }
}

function peerVersions(): Record<string, string> {
  const peers = scenarios.flatMap(({ entries }) => entries.flatMap(({ contestant }) => contestant.peer ?? []))
  return Object.fromEntries([...new Set(peers)].sort().map((peer) => [peer, versionOf(peer)]))
}

function versionOf(peer: string): string {
  const text = readFileSync(join(import.meta.dirname, '../node_modules', peer, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function redisVersion(): string | null {
  try {
    return /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? null
  } catch {
    return null
  }
}

function syncsPerSecond(): number {
  const directory = temporaryDirectory('millrace-bench-sync-')
  const file = openSync(join(directory.path, 'sync'), 'w')
  const block = Buffer.alloc(8192)
  const begun = performance.now()
  let n = 0
  for (; performance.now() - begun < 1000; n += 1) {
    writeSync(file, block, 0, block.length, 0)
    fdatasyncSync(file)
  }
  closeSync(file)
  directory.remove()
  return n
}
