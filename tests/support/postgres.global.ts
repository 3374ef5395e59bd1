import { corpus } from './corpus.ts'
import { findServer } from './postgres.ts'

/** One server for all test files: it is found or started here, and its URL is handed to the workers. */
export default async function setup(): Promise<() => Promise<void>> {
  if (corpus === undefined)
    console.warn('There is no corpus (MILLRACE_CORPUS): the tests of what other people wrote are left out.')
  const server = await findServer()
  process.env['MILLRACE_TEST_POSTGRES'] = server?.url ?? 'none'
  return async () => server?.stop()
}
