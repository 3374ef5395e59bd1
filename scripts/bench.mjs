// `npm run bench -- <scenario> [--quick] [--json]`: the peers are installed here only, under the pinned Node.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, pinnedNode, pinnedPath, root } from './bootstrap.mjs'

ensureInstalled('all')
const bench = join(root, 'bench')
const options = { cwd: bench, env: { ...process.env, PATH: pinnedPath() }, stdio: 'inherit' }
if (!existsSync(join(bench, 'node_modules'))) {
  const installed = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], options)
  if (installed.status !== 0) process.exit(installed.status ?? 1)
}
process.exitCode = spawnSync(pinnedNode, ['src/main.ts', ...process.argv.slice(2)], options).status ?? 1
