/** The command line does not make sense as a whole: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
