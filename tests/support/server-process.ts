import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface ServerProcess {
  readonly pid: number
  /** Sends the signal and waits until the process is gone. */
  stop(signal: NodeJS.Signals): Promise<void>
}

/** PostgreSQL and pgbouncer refuse to run as root; then they run as the system's user `postgres`. */
const asPostgres = process.getuid?.() === 0

/**
 * Starts a server in the foreground and resolves when it logs a line that matches `ready`.
 * Rejects with what it logged when it ends before. It does not outlive this process.
 */
export async function startServerProcess(
  command: string,
  args: string[],
  ready: RegExp,
): Promise<ServerProcess> {
  const [file, ...rest] = unprivileged([command, ...args])
  const child = spawn(file, rest, { stdio: ['ignore', 'ignore', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  await logged(child, ready, command)
  const { pid } = child
  if (pid === undefined) throw new Error(`${command} has no process id.`)
  return {
    pid,
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      await once(child, 'exit')
    },
  }
}

/** Runs a command to its end; throws with its output when it fails. */
export function runUnprivileged(command: string, args: string[]): void {
  const [file, ...rest] = unprivileged([command, ...args])
  execFileSync(file, rest, { stdio: 'pipe' })
}

/** A temporary directory that the servers may write to, also when this process is root. */
export function temporaryDirectory(prefix: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), prefix))
  if (asPostgres) chownSync(path, idOfPostgres('-u'), idOfPostgres('-g'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Says that suites will be skipped and how to get them; on CI nothing may be skipped, so there it throws. */
export function missingPart(message: string): void {
  if (process.env['CI']) throw new Error(message)
  console.warn(`\n!!! ${message}\n`)
}

function unprivileged(command: [string, ...string[]]): [string, ...string[]] {
  if (!asPostgres) return command
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', ...command]
}

function idOfPostgres(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }))
}

async function logged(child: ChildProcess, ready: RegExp, command: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const lines: string[] = []
  child.once('error', reject)
  child.once('exit', (code) => reject(new Error(`${command} ended (${code}):\n${lines.join('\n')}`)))
  if (!child.stderr) throw new Error(`${command} has no log.`)
  // The log is read to its end: a full pipe would block the server.
  createInterface(child.stderr).on('line', (line) => {
    lines.push(line)
    if (lines.length > 50) lines.shift()
    if (ready.test(line)) resolve(undefined)
  })
  await promise
}
