#!/usr/bin/env node
import { run } from './run.ts'

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const code = await run(process.argv.slice(2))
// What a config or a definition left open must not keep the command alive; what was printed must arrive.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
