import type { Queue } from './contestant.ts'

/** What handlers were given: every job once, or the figure is worth nothing. */
export class Handled {
  readonly #times: Uint8Array

  constructor(jobs: number) {
    this.#times = new Uint8Array(jobs)
  }

  readonly handle = (n: number): void => {
    this.#times[n] = (this.#times[n] ?? 0) + 1
  }

  demandAllOnce(): void {
    const wrong = this.#times.findIndex((times) => times !== 1)
    if (wrong !== -1) throw new Error(`job ${wrong} was handled ${this.#times[wrong]} times`)
  }
}

/** `ended` jobs are done and `left` are not, by the contestant's own tables. */
export async function demandCounts(queue: Queue, ended: number, left: number): Promise<void> {
  const counts = await queue.counts()
  if (counts.left !== left || (counts.done !== null && counts.done !== ended)) {
    throw new Error(`expected ${ended} done and ${left} left, found ${JSON.stringify(counts)}`)
  }
}
