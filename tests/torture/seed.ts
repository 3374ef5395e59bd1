import { execFileSync } from 'node:child_process'

/** What a suite that draws draws from: MILLRACE_TORTURE_SEED, else the commit's own, so that each commit tries something else. */
export const seed = Number(process.env['MILLRACE_TORTURE_SEED'] ?? seedOfCommit())

function seedOfCommit(): number {
  try {
    const hash = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname, stdio: 'pipe' })
    return Number.parseInt(hash.toString('utf8').slice(0, 7), 16)
  } catch {
    return 1
  }
}
