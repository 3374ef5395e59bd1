// `npm test`: the check, then the suites that need real parts, then one line with the sum of both.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './bootstrap.mjs'
import { check, report, reporters, reportOf, runStep } from './check.mjs'

const projects = ['unit', 'parts']
for (const project of projects) rmSync(join(root, reportOf(project)), { force: true })

const checked = check()
const parts = runStep('suites with real parts', 'vitest', [
  'run',
  '--project',
  'parts',
  ...reporters('parts'),
])
const tested = report([parts])

const sum = { passed: 0, failed: 0, skipped: 0 }
for (const project of projects) add(countOf(join(root, reportOf(project))))

// A test that did not run proves nothing, so on CI none may be skipped.
const skippedOnCi = process.env.CI && sum.skipped > 0
if (skippedOnCi) console.error('\nOn CI no test may be skipped.')
process.exitCode = checked && tested && sum.failed === 0 && !skippedOnCi ? 0 : 1

console.log(
  `\ntests: ${sum.passed} passed, ${sum.failed} failed${sum.skipped ? `, ${sum.skipped} skipped` : ''}`,
)

function countOf(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  // A file that could not even be loaded has no tests to count.
  const unloaded = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.length,
  )
  return {
    passed: numPassedTests,
    failed: numFailedTests + unloaded.length,
    skipped: numPendingTests + numTodoTests,
  }
}

function add(count) {
  for (const key of Object.keys(sum)) sum[key] += count[key]
}
