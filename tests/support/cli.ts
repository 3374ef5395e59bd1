import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const repository = join(import.meta.dirname, '../..')
const main = join(repository, 'packages/millrace/src/cli/main.ts')

export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Relative to the project. */
  readonly cwd?: string
}

/** A directory like that of an application, in which the real `millrace` runs as a process of its own. */
export class CliProject {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-cli-')))
  readonly #running = new Set<ChildProcessWithoutNullStreams>()

  constructor(files: Readonly<Record<string, string>> = {}) {
    mkdirSync(join(this.path, 'node_modules'))
    symlinkSync(join(repository, 'packages/millrace'), join(this.path, 'node_modules/millrace'), 'junction')
    symlinkSync(join(repository, 'node_modules/zod'), join(this.path, 'node_modules/zod'), 'junction')
    for (const [name, content] of Object.entries(files)) this.write(name, content)
  }

  write(name: string, content: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true })
    writeFileSync(join(this.path, name), content)
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const started = this.start(args, options)
    started.child.stdin.end(options.input ?? '')
    return started.ended
  }

  /** Runs it and parses what it printed, which must be one JSON document. */
  async json<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options)
    if (code !== 0) throw new Error(`millrace ${args.join(' ')} ended with ${code}: ${stderr}`)
    return JSON.parse(stdout) as T
  }

  start(args: readonly string[], { env = {}, cwd = '.' }: RunOptions = {}): Started {
    const {
      FORCE_COLOR: _,
      NO_COLOR: __,
      MILLRACE_STORAGE: ___,
      DATABASE_URL: ____,
      ...inherited
    } = process.env
    const child = spawn(process.execPath, ['--conditions=millrace-source', main, ...args], {
      cwd: join(this.path, cwd),
      // Stripped and compiled sources are kept between the many starts.
      env: { NODE_COMPILE_CACHE: join(repository, 'node_modules/.cache/cli'), ...inherited, ...env },
    })
    this.#running.add(child)
    const started = new Started(child)
    void started.ended.then(() => this.#running.delete(child))
    return started
  }

  /** Kills what still runs. */
  async remove(): Promise<void> {
    for (const child of this.#running) {
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A command that runs; its output can be awaited. */
export class Started {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ran>
  stdout = ''
  stderr = ''
  readonly #waiting = new Set<() => void>()

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child
    // A child that does not read its input is no error of ours.
    child.stdin.on('error', () => undefined)
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.stdout += text)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#heard(() => (this.stderr += text)))
    this.ended = once(child, 'close').then(([code, signal]) => {
      this.#heard(() => undefined)
      const { stdout, stderr } = this
      return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr }
    })
  }

  /** Resolves once stdout matches; rejects when the process ended without. */
  async printed(pattern: RegExp): Promise<void> {
    let over = false
    void this.ended.then(() => (over = true))
    while (!pattern.test(this.stdout)) {
      if (over)
        throw new Error(`it ended without printing ${String(pattern)}:\n${this.stdout}\n${this.stderr}`)
      await Promise.race([new Promise<void>((resolve) => this.#waiting.add(resolve)), this.ended])
    }
  }

  #heard(keep: () => void): void {
    keep()
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}
