import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LogEntry } from 'millrace'

/** A few worker processes, children of this one. One that is killed gets a successor. */
export class Workers {
  readonly #say: (line: string) => void
  readonly #children = new Set<ChildProcess>()
  #stopping = false
  #broken: Error | null = null

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  get pids(): number[] {
    return [...this.#children].flatMap(({ pid }) => pid ?? [])
  }

  start(count: number): void {
    for (let started = 0; started < count; started++) this.#start()
  }

  /** Throws when a worker ended by itself, which a successor would do too. */
  check(): void {
    if (this.#broken !== null) throw this.#broken
  }

  /** Each lets its handlers finish; what it had not begun goes back. */
  async stop(): Promise<void> {
    this.#stopping = true
    const ended = [...this.#children].map((child) => once(child, 'exit'))
    for (const child of this.#children) if (child.connected) child.disconnect()
    await Promise.all(ended)
  }

  #start(): void {
    const child = fork(fileURLToPath(import.meta.resolve('./worker.ts')), {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    this.#children.add(child)
    if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => this.#say(messageOf(line)))
    child.once('exit', (code, signal) => this.#ended(child, code, signal))
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    this.#children.delete(child)
    // One that ended well was told to stop: Ctrl-C reaches all processes of a terminal.
    if (this.#stopping || code === 0) return
    if (code !== null) {
      this.#broken = new Error(`Worker process ${child.pid ?? ''} ended with exit code ${code}.`)
      return
    }
    this.#say(`Worker process ${child.pid ?? ''} was killed (${signal ?? ''}); another takes its place.`)
    this.#start()
  }
}

/** In a pipe the engine logs one JSON object a line. */
function messageOf(line: string): string {
  try {
    return (JSON.parse(line) as LogEntry).message
  } catch {
    return line
  }
}
