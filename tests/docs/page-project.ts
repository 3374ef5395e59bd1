import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { CliProject } from '../support/cli.ts'
import { moduleBlocks, repository, type Block, type Page } from './page.ts'

/** Ends the output of one block. */
const mark = '\u001e'
const longestMs = 40_000

/** What a block that is only type-checked may use without saying where it comes from. */
const preamble = [
  "import { createMill, defineConfig, defineQueueable, type HandlerContext, type Mill, type MillTransaction } from 'millrace'",
  "import type pg from 'pg'",
  "import { z } from 'zod'",
  'declare const mill: Mill',
  'declare const ctx: HandlerContext',
  'declare const tx: MillTransaction',
  'declare const pool: pg.Pool',
].join('; ')

export interface Printed {
  readonly block: Block
  readonly output: string
}

/** Relative path and text of each file; a line of code stands on the line it has in the page. */
function filesOf(page: Page): Map<string, string> {
  const files = new Map<string, string[]>([['package.json', ['{ "type": "module" }']]])
  const put = (file: string, { line, lines }: Block, after: string): string[] => {
    const all = files.get(file) ?? page.lines.map(() => '')
    files.set(file, all)
    lines.forEach((code, index) => (all[line - 1 + index] = code))
    all[line - 1 + lines.length] = after
    return all
  }
  for (const block of page.blocks) {
    if (block.language !== 'ts') continue
    const file = /^file=(.*)$/.exec(block.note)?.[1]
    if (file !== undefined) put(file, block, '')
    else if (block.note === '') put(moduleOf(page), block, `process.stdout.write('${mark}')`)
    else {
      const lines = put(`fragment-${block.line}.ts`, block, '')
      // One that imports or exports stands for itself.
      if (!block.lines.some((line) => /^(import|export) /.test(line))) lines[0] = preamble
    }
  }
  return new Map([...files].map(([file, lines]) => [file, lines.join('\n')]))
}

function moduleOf({ path }: Page): string {
  return `${basename(path, '.md').toLowerCase()}.ts`
}

/** The page as an application: its blocks as files in a folder of their own, `millrace` among its commands. */
export class PageProject {
  readonly page: Page
  readonly #project: CliProject
  /** Absolute paths of what is to be type-checked. */
  readonly sources: readonly string[]

  constructor(page: Page) {
    this.page = page
    const files = filesOf(page)
    this.#project = new CliProject(Object.fromEntries(files))
    for (const name of ['pg', '@types'])
      symlinkSync(
        join(repository, 'node_modules', name),
        join(this.#project.path, 'node_modules', name),
        'junction',
      )
    const main = join(repository, 'packages/millrace/src/cli/main.ts')
    this.#project.write(
      'bin/millrace',
      `#!/bin/sh\nexec '${process.execPath}' --conditions=millrace-source '${main}' "$@"\n`,
    )
    chmodSync(join(this.#project.path, 'bin/millrace'), 0o755)
    this.sources = [...files.keys()]
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(this.#project.path, file))
  }

  /** Text about its files, told in places of the page. */
  inPlaces(told: string): string {
    return told
      .replaceAll(/(?:file:\/\/)?(\/[^\s'"()]*)?\/(millrace-cli-\w+)\/[\w./-]+\.ts(?=[:(])/g, (found) =>
        found.includes(basename(this.#project.path)) ? this.page.path : found,
      )
      .replaceAll(mark, '')
  }

  /** Runs the page's module; rejects when it does not end well. */
  async runModule(env: NodeJS.ProcessEnv): Promise<Printed[]> {
    const blocks = moduleBlocks(this.page)
    if (blocks.length === 0) return []
    const output = await this.#run(
      process.execPath,
      ['--conditions=millrace-source', moduleOf(this.page)],
      env,
      blocks[0] as Block,
    )
    const parts = output.split(mark)
    return blocks.map((block, index) => ({ block, output: parts[index] ?? '' }))
  }

  /** Runs the lines as a shell would. */
  async runCommands(block: Block, env: NodeJS.ProcessEnv): Promise<Printed> {
    const output = await this.#run('sh', ['-e', '-c', `exec 2>&1\n${block.lines.join('\n')}`], env, block)
    return { block, output }
  }

  async #run(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    { line }: Block,
  ): Promise<string> {
    const child = spawn(command, args, {
      cwd: this.#project.path,
      env: { ...env, PATH: `${join(this.#project.path, 'bin')}:${process.env['PATH'] ?? ''}` },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it left in the background ends with it.
      detached: true,
    })
    let late = false
    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // All of it has ended.
      }
    }
    const timer = setTimeout(() => {
      late = true
      killGroup()
    }, longestMs)
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    clearTimeout(timer)
    killGroup()
    if (child.exitCode === 0) return stdout
    const how = late
      ? `did not end within ${longestMs} ms`
      : `ended with exit code ${child.exitCode ?? 'none'}`
    throw new Error(this.inPlaces(`${this.page.path}:${line}: ${how}\n${stderr}\n${stdout}`))
  }

  remove(): Promise<void> {
    return this.#project.remove()
  }
}
