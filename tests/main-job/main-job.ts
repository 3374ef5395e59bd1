import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** What the example prints with --json. */
export interface RunResult {
  readonly run: number
  readonly airports: number
  readonly rows: number
  readonly writtenOnce: boolean
  readonly flights: number
  readonly ratings: number
  readonly ratedOnce: boolean
  readonly rated: Readonly<Record<string, number>>
  readonly processes: number
  readonly attempts: readonly { readonly origin: string; readonly attempt: number; readonly result: string }[]
  readonly delays: readonly {
    readonly origin: string
    readonly flights: number
    readonly meanDelay: number
  }[]
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface MainJob {
  readonly running: boolean
  readonly ended: Promise<Ended>
  /** To the main process and to the workers it has started. */
  kill(signal: NodeJS.Signals): void
}

const repository = join(import.meta.dirname, '../..')
const script = join(repository, 'examples/flights/src/main.ts')
const env = {
  ...process.env,
  FLIGHTS_LEASE: '2 seconds',
  // The many starts are what takes the time here.
  NODE_COMPILE_CACHE: join(repository, 'node_modules/.cache/compile'),
}

/** Starts what `npm start -- --json` runs, in a process group of its own. */
export function startMainJob(args: readonly string[]): MainJob {
  const child = spawn(process.execPath, ['--conditions=millrace-source', script, '--json', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
    ([stdout, stderr]) => ({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
  )
  return {
    get running() {
      return child.exitCode === null && child.signalCode === null
    },
    ended,
    kill(signal) {
      if (child.pid === undefined) throw new Error('The main job was not started.')
      process.kill(-child.pid, signal)
    },
  }
}

/** Runs it to its end; throws with what it said when it failed. */
export async function runMainJob(
  args: readonly string[],
): Promise<{ readonly result: RunResult; readonly stderr: string }> {
  const { code, stdout, stderr } = await startMainJob(args).ended
  if (code !== 0) throw new Error(`The main job ended with exit code ${code ?? 'none'}:\n${stderr}`)
  return { result: JSON.parse(stdout) as RunResult, stderr }
}
