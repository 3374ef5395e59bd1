import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { ESLint } from 'eslint'
import { afterAll, beforeAll, expect, test } from 'vitest'

const repository = join(import.meta.dirname, '../..')
const source = 'packages/millrace/src'

/** Every file of the fixtures and the rules that must refuse it; none for a clean one. */
const expected: Record<string, string[]> = {
  'kernel/storage/cycle-a.ts': ['import-x/no-cycle'],
  'kernel/storage/cycle-b.ts': ['import-x/no-cycle'],
  'kernel/storage/imports-runtime.ts': ['import-x/no-restricted-paths'],
  'kernel/postgres/imports-sqlite.ts': ['import-x/no-restricted-paths'],
  'kernel/runtime/imports-sqlite.ts': ['import-x/no-restricted-paths'],
  'kernel/rules/imports-node.ts': ['no-restricted-imports'],
  'kernel/rules/imports-bare-node.ts': ['no-restricted-imports'],
  'kernel/rules/reads-clock.ts': ['no-restricted-properties'],
  'kernel/rules/makes-date.ts': ['no-restricted-syntax'],
  'kernel/rules/rolls-dice.ts': ['no-restricted-properties'],
  'kernel/rules/starts-timer.ts': ['no-restricted-globals'],
  'kernel/rules/reads-environment.ts': ['no-restricted-globals'],
  'tools/batch/imports-insides.ts': ['import-x/no-restricted-paths'],
  'cli/imports-insides.ts': ['import-x/no-restricted-paths'],
  'mill/sleeps.test.ts': ['no-restricted-syntax'],
  'mill/sleeps-by-resolvers.test.ts': ['no-restricted-syntax'],
  'mill/sleeps-by-import.test.ts': ['no-restricted-imports'],
  'mill/any.ts': ['@typescript-eslint/no-explicit-any'],
  'mill/floating-promise.ts': ['@typescript-eslint/no-floating-promises'],
  'mill/value-import-of-type.ts': ['@typescript-eslint/consistent-type-imports'],
  'mill/too-long.ts': ['max-lines'],
  'mill/long-enough.ts': [],
  'kernel/rules/clean.ts': [],
  'kernel/rules/clean.test.ts': [],
  'kernel/runtime/clean.ts': [],
  'kernel/runtime/clean.test.ts': [],
  'kernel/sqlite/clean.ts': [],
  'tools/flow/define.ts': [],
  'tools/flow/insides.ts': [],
  'tools/batch/clean.ts': [],
  'cli/clean.ts': [],
  'index.ts': [],
}

let root: string
let found: Record<string, string[]>

// The real configuration sees a repository that consists of the fixtures, in the places its rules speak of.
beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-lint-')))
  for (const file of ['eslint.config.js', 'tsconfig.base.json', 'tsconfig.check.json', 'package.json']) {
    cpSync(join(repository, file), join(root, file))
  }
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'), 'junction')
  cpSync(join(import.meta.dirname, 'fixtures'), root, { recursive: true })
  writeFileSync(join(root, source, 'mill/too-long.ts'), linesOfCode(501))
  writeFileSync(join(root, source, 'mill/long-enough.ts'), `\n// A comment.\n${linesOfCode(500)}`)

  const results = await new ESLint({ cwd: root }).lintFiles([source])
  found = Object.fromEntries(
    results.map(({ filePath, messages }) => [
      relative(join(root, source), filePath).replaceAll('\\', '/'),
      messages.map(({ ruleId, message }) => ruleId ?? message),
    ]),
  )
}, 60_000)

afterAll(() => rmSync(root, { recursive: true, force: true }))

test('every fixture stands in the table', () => {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort())
})

test.for(Object.entries(expected))('%s: %j', ([file, rules]) => {
  expect(found[file]).toEqual(rules)
})

function linesOfCode(count: number): string {
  return Array.from({ length: count }, (_, i) => `export const line${i} = ${i}\n`).join('')
}
