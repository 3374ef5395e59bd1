import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('the kit works under node:test', { timeout: 30_000 }, () => {
  const file = join(import.meta.dirname, '../node-test/account-processing.ts')
  // Vitest's own variable would make the child report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = ['--conditions=millrace-source', '--test', '--test-reporter=tap', file]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  expect(stderr).toBe('')
  expect(stdout).toMatch(/# pass 3\n# fail 0/)
  expect(status).toBe(0)
})
