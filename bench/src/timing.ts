export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Asks again until it is so, each millisecond; the run's own deadline ends it. */
export async function until(condition: () => boolean | Promise<boolean>, everyMs = 1): Promise<void> {
  while (!(await condition())) await sleep(everyMs)
}

export async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** Calls `add` for first..first+count-1, `lanes` under way at any time. */
export async function inFlight(
  lanes: number,
  first: number,
  count: number,
  add: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = first
  const lane = async (): Promise<void> => {
    while (next < first + count) await add(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** Resolves when it was called `jobs` times. */
export function countdown(jobs: number): { readonly over: Promise<void>; tick(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = jobs
  return {
    over: promise,
    tick() {
      left -= 1
      if (left === 0) resolve()
    },
  }
}
