import { fork, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { readLedger, type Entry } from './ledger.ts'
import type { WorkloadArguments } from './workload-main.ts'

const main = new URL('./workload-main.ts', import.meta.url)

/** How the process is started. */
export interface Launch {
  /** A command that runs it and becomes it, such as setpriv, or that leaves it its process id, such as `strace -D`. */
  readonly under?: readonly string[]
  /** Options of Node. */
  readonly node?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A process of the workload, as the harness sees it. */
export class WorkloadProcess {
  readonly name: string
  readonly pid: number
  /** Resolves when it is gone. */
  readonly gone: Promise<void>
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #lines: string[] = []
  #expected = false
  #mayFail = false

  constructor(args: WorkloadArguments, { under = [], node = [], env = {} }: Launch = {}) {
    this.name = args.name
    this.#directory = args.ledgers
    const [command = process.execPath, ...rest] = [...under, process.execPath, ...node]
    this.#child = fork(main, [JSON.stringify(args)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execPath: command,
      execArgv: rest,
      env: { ...process.env, ...env },
    })
    const kill = (): void => void this.#child.kill('SIGKILL')
    process.once('exit', kill)
    this.gone = new Promise((resolve) =>
      this.#child.once('exit', () => {
        process.off('exit', kill)
        resolve()
      }),
    )
    if (this.#child.stderr !== null)
      createInterface(this.#child.stderr).on('line', (line) => {
        this.#lines.push(line)
        if (this.#lines.length > 40) this.#lines.shift()
      })
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`${this.name} could not be started`)
    this.pid = pid
  }

  get isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** It ended although nobody ended it: an engine must never do that to its process. */
  get failure(): string | null {
    const { exitCode, signalCode } = this.#child
    if (!this.isGone || exitCode === 0 || this.#mayFail || (this.#expected && signalCode === 'SIGKILL'))
      return null
    return `${this.name} ended by itself (${signalCode ?? `exit code ${String(exitCode)}`}):\n${this.#lines.join('\n')}`
  }

  /** It may be, or was, killed: also by itself, at a fault point. */
  expectDeath(): void {
    this.#expected = true
  }

  /** It may end as it likes. */
  expectFailure(): void {
    this.#mayFail = true
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL') this.#expected = true
    if (!this.isGone) process.kill(this.pid, signal)
  }

  /** Asks it to produce no more. */
  quiet(): void {
    if (this.#child.connected) this.#child.send('quiet', () => undefined)
  }

  entries(): Entry[] {
    if (this.progress === 0) return []
    return readLedger(this.#directory, this.name)
  }

  /** How many lines it has written, as the measure of how far it has come. */
  get progress(): number {
    try {
      return readFileSync(`${this.#directory}/${this.name}.jsonl`).filter((byte) => byte === 10).length
    } catch {
      return 0
    }
  }

  /** Its last line is of a chunk of a batch that has begun. */
  get isAtChunk(): boolean {
    const last = this.entries().at(-1)
    return last?.kind === 'chunk' || (last?.kind === 'start' && last.phase === 'execute')
  }

  /** How many ends of attempts were acknowledged to it: proof that it works, as troubles are lines, too. */
  get settles(): number {
    try {
      return (
        readFileSync(`${this.#directory}/${this.name}.jsonl`, 'utf8').split('{"kind":"settled"').length - 1
      )
    } catch {
      return 0
    }
  }

  /** Its last lines, for a report. */
  get tail(): string {
    return this.entries()
      .slice(-15)
      .map((entry) => JSON.stringify(entry))
      .join('\n')
  }

  wrote(kind: Entry['kind']): boolean {
    return this.entries().some((entry) => entry.kind === kind)
  }

  /** Linux: stopped by SIGSTOP. */
  get isFrozen(): boolean {
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
    } catch {
      return false
    }
  }
}
