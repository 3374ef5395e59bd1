/** What one run measures; each runs in a child process of its own, on a database of its own. */
export interface Task {
  /** A PostgreSQL URL, or the path of a SQLite file that does not exist yet. */
  readonly database: string
  readonly jobs: number
  readonly tenants: number
  /** Ended jobs that stand in the history before the run, where the contestant keeps one. */
  readonly history: number
}

export interface Contestant {
  readonly name: string
  /** Settings that matter, durability first. */
  readonly settings: string
  readonly keepsHistory: boolean
  /** Enqueues `jobs` with 64 in flight, each acknowledged on disk; answers in ms. */
  enqueue64(task: Task): Promise<number>
  /** Fills, then drains; answers the ms from the start of the worker until the last job is settled in the database. */
  drain(task: Task): Promise<number>
}

/** About 100 bytes as JSON, the same for all. */
export function payload(n: number): { readonly n: number; readonly text: string } {
  return { n, text: 'the quick brown fox jumps over the lazy dog, again and again and again' }
}

/** Calls `add` for 0..jobs-1 with 64 under way at any time. */
export async function inFlight64(jobs: number, add: (n: number) => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < jobs) await add(next++)
  }
  await Promise.all(Array.from({ length: 64 }, lane))
  return performance.now() - begun
}
