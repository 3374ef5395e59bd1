// Runs on Node >= 20 with nothing installed: only built-in modules here.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

export const root = dirname(import.meta.dirname)
const windows = process.platform === 'win32'
const bin = join(root, 'node_modules', '.bin')
const stamp = join(root, 'node_modules', '.millrace-install')

/** The pinned Node 24 that comes with `npm install`. */
export const pinnedNode = join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node')

/** What `npm start` works with; everything else is for development. */
const mainJob = ['packages/millrace', 'examples/flights']

/**
 * Installs what the lock file says unless that is in place already.
 * `all` is for checks and tests; `run` leaves out development dependencies and is satisfied by `all`.
 */
export function ensureInstalled(scope) {
  if (isInstalled(scope)) return
  console.log(`Installing dependencies (${scope === 'all' ? 'all' : 'only what is needed to run'}) ...`)
  const chosen = mainJob.filter((path) => existsSync(join(root, path))).map((path) => `--workspace=${path}`)
  const only = scope === 'all' ? [] : ['--omit=dev', '--include-workspace-root', ...chosen]
  // Not `npm ci`: that refuses a lock file made where a binary for some other platform was not to be had.
  const args = ['install', '--no-save', '--loglevel=error', ...only]
  // npm may be about to replace node_modules/node, so it must not run on it.
  const code = spawn('npm', args, { path: pathWithout(bin), shell: windows })
  if (code !== 0) fail(`npm install failed (exit code ${code}).`)
  if (!existsSync(pinnedNode)) {
    fail('The package `node` has no binary: allow its install script (npm install-scripts approve node).')
  }
  writeFileSync(stamp, `${scope} ${lockHash()}\n`)
}

function isInstalled(scope) {
  if (!existsSync(pinnedNode)) return false
  if (holdsWholeLock()) return true
  return scope === 'run' && existsSync(stamp) && readFileSync(stamp, 'utf8').includes(lockHash())
}

// npm notes what it installed; comparing that also recognises an installation somebody made by hand.
function holdsWholeLock() {
  const noted = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(noted)) return false
  const installed = packagesOf(noted)
  return Object.entries(packagesOf(join(root, 'package-lock.json')))
    .filter(([path, entry]) => path.includes('node_modules/') && !entry.optional && !entry.link)
    .every(([path, entry]) => installed[path]?.version === entry.version)
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

/** Runs a command from node_modules/.bin or the system, on the pinned Node; returns its exit code. */
export function run(command, args) {
  return spawn(command, args, { path: pinnedPath(), shell: windows })
}

/** PATH with the tools of the repository in front, the pinned Node among them. */
export function pinnedPath() {
  return `${bin}${delimiter}${pathWithout(bin)}`
}

function spawn(command, args, { path, shell }) {
  const env = { ...process.env, PATH: path }
  const result = spawnSync(command, args, { cwd: root, env, shell, stdio: 'inherit' })
  if (result.error) throw result.error
  return result.status ?? 1
}

function pathWithout(folder) {
  const entries = (process.env.PATH ?? '').split(delimiter)
  return entries.filter((entry) => entry !== folder).join(delimiter)
}

export function fail(message) {
  console.error(`\n${message}`)
  process.exit(1)
}
