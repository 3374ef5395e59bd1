export { createTestMill, type DrainOptions, type TestMill, type TestMillOptions } from './test-mill.ts'
export type { Enqueued } from './enqueued.ts'
export type { JobOutcome } from './outcome.ts'
