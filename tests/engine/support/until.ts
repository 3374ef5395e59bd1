const pollMs = 10

/** Resolves with the first answer of `condition` that is neither false, null nor undefined: always for a fact, never for a time. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  withinMs = 15_000,
): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + withinMs
  for (;;) {
    const answer = await condition()
    if (answer !== false && answer !== null && answer !== undefined)
      return answer as Exclude<T, false | null | undefined>
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** Something that happens once, for whoever waits. */
export interface Signal<T = void> {
  readonly happened: Promise<T>
  happen(value: T): void
}

export function signal<T = void>(): Signal<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { happened: promise, happen: resolve }
}

/** What the promise was rejected with; throws when it was not. */
export async function rejection(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it was not rejected')
}
