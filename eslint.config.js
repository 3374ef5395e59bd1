import { readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import js from '@eslint/js'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import { flatConfigs, importX } from 'eslint-plugin-import-x'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const root = import.meta.dirname
const typeScript = ['**/*.ts', '**/*.tsx']
const tests = ['**/*.test.ts', '**/*.test.tsx', '**/conformance/**', '**/test-support/**']

export default defineConfig(
  globalIgnores(['**/node_modules', '**/dist', '**/coverage', '**/data', 'tests/lint/fixtures', 'bench']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: { console: 'readonly', performance: 'readonly', process: 'readonly', URL: 'readonly' },
    },
  },
  {
    files: typeScript,
    extends: [tseslint.configs.strictTypeChecked, flatConfigs.typescript],
    languageOptions: { parserOptions: { project: ['tsconfig.check.json'], tsconfigRootDir: root } },
    plugins: { 'import-x': importX },
    settings: {
      // Without this resolver no-cycle finds nothing and says nothing.
      'import-x/resolver-next': [
        createTypeScriptImportResolver({ project: join(root, 'tsconfig.check.json') }),
      ],
    },
    rules: {
      'import-x/no-cycle': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-invalid-void-type': ['error', { allowInGenericTypeArguments: true }],
      // It cannot see that an await lets others change a field, and calls the second look at it needless.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Inference at the public face needs type parameters that look as though they were used once.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An asynchronous interface also has synchronous implementations (node:sqlite).
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ['packages/*/src/**'],
    rules: {
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
    },
  },
  {
    files: ['packages/millrace/src/**'],
    // A test may bring in the real part that its floor must not know, such as a database.
    ignores: ['**/*.test.ts'],
    rules: {
      'import-x/no-restricted-paths': ['error', { basePath: root, zones: [...floorZones(), ...toolZones()] }],
    },
  },
  pureRules(),
  noSleepsInTests(),
)

/** Which floors of packages/millrace/src each floor may import; ARCHITECTURE.md draws the same picture. */
function floorZones() {
  const kernel = ['kernel/rules', 'kernel/storage', 'kernel/runtime']
  const services = [...kernel, 'records', 'observe', 'govern']
  const mayImport = {
    'kernel/rules': [],
    'kernel/storage': ['kernel/rules'],
    'kernel/sqlite': ['kernel/rules', 'kernel/storage'],
    'kernel/postgres': ['kernel/rules', 'kernel/storage'],
    'kernel/runtime': ['kernel/rules', 'kernel/storage'],
    records: services,
    observe: services,
    govern: services,
    tools: services,
    mill: [...services, 'kernel/sqlite', 'kernel/postgres', 'tools'],
    testing: [...services, 'kernel/sqlite', 'kernel/postgres', 'tools', 'mill', 'index.ts'],
    server: ['index.ts'],
    cli: ['index.ts', 'testing/index.ts', 'server/index.ts'],
  }
  const source = 'packages/millrace/src'
  return Object.entries(mayImport).map(([floor, others]) => {
    const allowed = [...new Set([floor, ...others])]
    return {
      target: `${source}/${floor}`,
      from: source,
      except: allowed.map((path) => `./${path}`),
      message: `${floor} may import only: ${allowed.join(', ')}.`,
    }
  })
}

/** A tool sees of another tool only its define.ts; files directly in tools/ belong to all of them. */
function toolZones() {
  const tools = 'packages/millrace/src/tools'
  return directories(join(root, tools)).map((tool) => ({
    target: `${tools}/${tool}`,
    from: `${tools}/*/**`,
    except: [`**/src/tools/${tool}/**`, '**/src/tools/*/define.ts'],
    message: "A tool never imports another tool's insides, only its define.ts.",
  }))
}

function directories(path) {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    )
  } catch {
    return []
  }
}

/** Decisions in kernel/rules depend on their arguments alone: no I/O, no clock, no chance, no environment. */
function pureRules() {
  const impure = ['console', 'crypto', 'fetch', 'performance', 'process', 'queueMicrotask', 'setImmediate']
  return {
    files: ['packages/millrace/src/kernel/rules/**'],
    ignores: tests,
    rules: {
      'no-restricted-imports': ['error', { paths: builtinModules, patterns: ['node:*'] }],
      'no-restricted-globals': ['error', ...impure, 'setInterval', 'setTimeout'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now' },
        { object: 'Math', property: 'random' },
        { object: 'globalThis', message: 'Reach for nothing global in rules.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(NewExpression, CallExpression)[callee.name="Date"][arguments.length=0]',
          message: 'Time is an argument of a rule.',
        },
      ],
    },
  }
}

function noSleepsInTests() {
  const sleeps = [
    'NewExpression[callee.name="Promise"] CallExpression[callee.name="setTimeout"]',
    'CallExpression[callee.name="setTimeout"][arguments.0.type="Identifier"]',
    'CallExpression[callee.name="promisify"] > Identifier[name="setTimeout"]',
  ]
  const message = 'Tests do not sleep: await a signal of the service, or use the virtual clock.'
  return {
    files: tests,
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-restricted-imports': [
        'error',
        { paths: ['timers/promises', 'node:timers/promises'].map((name) => ({ name, message })) },
      ],
      'no-restricted-syntax': ['error', { selector: sleeps.join(', '), message }],
    },
  }
}
