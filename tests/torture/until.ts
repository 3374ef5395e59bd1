const pollMs = 15

/** What the condition waited for has not come, and never will. */
export class NotReached extends Error {
  override readonly name = 'NotReached'
}

/**
 * Resolves with the first answer of `condition` that is neither false, null nor undefined. Rejects, naming `what`, when none came
 * within `deadlineMs`. The only way this harness waits: always for a fact, never for a time.
 */
export async function until<T>(
  what: string,
  deadlineMs: number,
  condition: () => T | Promise<T>,
): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const answer = await condition()
    if (answer !== false && answer !== null && answer !== undefined)
      return answer as Exclude<T, false | null | undefined>
    if (performance.now() > end) throw new NotReached(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
