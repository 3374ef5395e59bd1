// `npm run bench -- <scenario> [--quick] [--json]`: the peers are installed here only, under the pinned Node.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, pinnedNode, pinnedPath, root } from './bootstrap.mjs'

ensureInstalled('all')
const bench = join(root, 'bench')
const options = { cwd: bench, env: { ...process.env, PATH: pinnedPath() }, stdio: 'inherit' }
if (!peersInstalled()) {
  // What it prints must not end up among the lines of --json.
  const quiet = { ...options, stdio: ['ignore', process.stderr, 'inherit'] }
  const installed = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], quiet)
  if (installed.status !== 0) process.exit(installed.status ?? 1)
}
process.exitCode = spawnSync(pinnedNode, ['src/main.ts', ...process.argv.slice(2)], options).status ?? 1

/** In the versions that are pinned: figures of any other would not be those of the peers that are named. */
function peersInstalled() {
  const { dependencies } = readPackage(bench)
  return Object.entries(dependencies).every(
    ([name, version]) => readPackage(join(bench, 'node_modules', name))?.version === version,
  )
}

function readPackage(folder) {
  const file = join(folder, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}
