/** Time as the engine sees it; injected, so that tests and simulation own it. */
export interface Clock {
  /** Wall clock, epoch ms. Due times and leases never use it: they go by the database's clock (R16). */
  now(): number
  /** Rises steadily, in ms; for measuring. */
  monotonic(): number
  /** Calls once after at least `ms`, also beyond 2^31 ms (R6); returns the cancel. */
  after(ms: number, call: () => void): () => void
  /** Absent: the machine's. */
  readonly turns?: Turns
}

/** The turns of the event loop; injected only by a simulation, which runs all processes in one. */
export interface Turns {
  /** Calls in the next turn. */
  soon(call: () => void): void
  /** Ms of the machine, for telling how long a turn lasts, whatever time it is said to be. */
  now(): number
}

/** Bytes of chance; injected for the same reason. `next` is in [0, 1). */
export interface Chance {
  next(): number
  bytes(n: number): Uint8Array
}
