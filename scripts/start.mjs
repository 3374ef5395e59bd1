// `npm start`: runs the example, installing first what it needs. Arguments are passed through.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, fail, pinnedNode, pinnedPath, root } from './bootstrap.mjs'

const example = join(root, 'examples/flights/src/main.ts')
if (!existsSync(example)) fail('examples/flights does not exist yet.')

ensureInstalled('run')

// The condition resolves `millrace` to its sources, so that nothing needs to be built.
const args = ['--conditions=millrace-source', example, ...process.argv.slice(2)]
const child = spawn(pinnedNode, args, { env: { ...process.env, PATH: pinnedPath() }, stdio: 'inherit' })

// The example shuts down in its own time. A terminal sends Ctrl-C to both processes, others ask only this one.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code) => (process.exitCode = code ?? 1))
