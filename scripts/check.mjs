// `npm run check`: everything that needs no database server. Every step runs, also after a failure.
import { ensureInstalled, run } from './bootstrap.mjs'

const steps = [
  ['format', 'prettier', ['--check', '--log-level', 'warn', '.']],
  ['lint', 'eslint', ['.', '--max-warnings', '0']],
  ['typecheck', 'tsc', ['-p', 'tsconfig.check.json']],
  ['unit tests', 'vitest', ['run', '--project', 'unit', '--coverage', ...reporters('unit')]],
  ['build', 'node', ['scripts/build.mjs']],
  ['publint', 'publint', ['packages/millrace', '--strict']],
  ['types of exports', 'attw', ['--pack', 'packages/millrace', '--profile', 'esm-only', '--quiet']],
  ['unused code', 'knip', []],
]

/** Where vitest leaves the report of a project, for the sum at the end of `npm test`. */
export function reportOf(project) {
  return `node_modules/.cache/reports/${project}.json`
}

export function reporters(project) {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${reportOf(project)}`]
}

/** Returns whether every step passed. */
export function check() {
  ensureInstalled('all')
  const results = steps.map(([name, command, args]) => runStep(name, command, args))
  return report(results)
}

export function runStep(name, command, args) {
  console.log(`\n--- ${name}`)
  const begin = performance.now()
  const passed = run(command, args) === 0
  return { name, passed, seconds: (performance.now() - begin) / 1000 }
}

export function report(results) {
  console.log()
  for (const { name, passed, seconds } of results) {
    console.log(`${passed ? 'passed' : 'FAILED'}  ${seconds.toFixed(1).padStart(6)} s  ${name}`)
  }
  return results.every(({ passed }) => passed)
}

if (import.meta.filename === process.argv[1]) process.exitCode = check() ? 0 : 1
