import { findServer } from './postgres.ts'

/** One server for all test files: it is found or started here, and its URL is handed to the workers. */
export default async function setup(): Promise<() => Promise<void>> {
  const server = await findServer()
  process.env['MILLRACE_TEST_POSTGRES'] = server?.url ?? 'none'
  return async () => server?.stop()
}
