import { defineConfig } from 'vitest/config'
import { corpus } from './tests/support/corpus.ts'

const needRealParts = ['packages/**/src/**/*.pg.test.ts', 'packages/**/src/**/*.conformance.test.ts']
const lint = 'tests/lint/*.test.ts'
/** They need data of others (see CONTRIBUTING.md). */
const corpusTests = ['tests/records/corpus*.test.ts', 'tests/schedule/corpus.test.ts']
const never = ['**/node_modules/**', '**/dist/**', '**/fixtures/**']

export default defineConfig({
  // Tests and examples that import `millrace` run its sources.
  ssr: { resolve: { conditions: ['millrace-source', 'module', 'node', 'development|production'] } },
  test: {
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/**/src/**/*.test.ts',
            'examples/*/src/**/*.test.ts',
            'scripts/**/*.test.ts',
            // Its pure parts: they need none of the peers that bench/ alone installs.
            'bench/src/**/*.test.ts',
            lint,
          ],
          exclude: [...never, ...needRealParts],
        },
      },
      {
        extends: true,
        test: {
          name: 'parts',
          include: [...needRealParts, 'tests/**/*.test.ts'],
          exclude: [...never, lint, ...(corpus === undefined ? corpusTests : [])],
          globalSetup: ['tests/support/postgres.global.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['packages/millrace/src/kernel/rules/**/*.ts'],
      exclude: ['**/*.test.ts'],
      reporter: ['text', 'html'],
      reportsDirectory: 'coverage',
      thresholds: { 100: true },
    },
  },
})
