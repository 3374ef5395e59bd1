import { CommanderError } from '@commander-js/extra-typings'
import { createProgram } from './program.ts'
import { UsageError } from './usage-error.ts'

/** Runs one command line; resolves with the exit code: 0 done, 1 the operation failed, 2 the command line is wrong. */
export async function run(args: readonly string[]): Promise<number> {
  // The engine's timers do not keep a process alive, but a command that waits must.
  const alive = setInterval(() => undefined, 2 ** 30)
  const program = createProgram()
  try {
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof UsageError) {
      process.stderr.write(`error: ${error.message}\n`)
      return 2
    }
    const { printProblem } = await import('./problem.ts')
    printProblem(error, program.opts().json === true)
    return 1
  } finally {
    clearInterval(alive)
  }
}
