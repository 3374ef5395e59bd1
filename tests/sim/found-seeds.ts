import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Seeds that once failed. */
export function foundSeeds(): readonly number[] {
  return readFileSync(new URL('./seeds.txt', import.meta.url), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, seed] = /^(\d+)\b/.exec(line) ?? []
      return seed === undefined ? [] : [Number(seed)]
    })
}

const fallback = 1_000_000

/** Where the seeds of this commit begin: every commit has its own, and whoever checks it out has the same. */
export function firstSeedOfCommit(): number {
  try {
    const hash = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: 'pipe' })
    return Number.parseInt(hash.slice(0, 7), 16) * 10_000
  } catch {
    return fallback
  }
}
