/** Where one run happens; everything in it is fresh. */
export interface Place {
  /** Connection string of an empty database; '' where the run needs none. */
  readonly postgres: string
  /** Path of a SQLite file that does not exist yet. */
  readonly sqlite: string
  /** Port of an empty Redis on 127.0.0.1; 0 where the run needs none. */
  readonly redis: number
}

export interface Contestant {
  /** The bare name of a peer is its best documented setting; others say which setting they are. */
  readonly name: string
  /** The npm package whose version is told; null for us and for bare loops. */
  readonly peer: string | null
  readonly variant: 'best' | 'default' | 'only'
  readonly settings: string
  /** What happens to a job when its worker dies. */
  readonly guarantee: string
  /** Whether ended jobs stay on record. */
  readonly keepsHistory: boolean
  readonly needsRedis?: true
  /** `write`: each handler adds 1 to the user's row `account.id = n`, in the contestant's own best way. */
  open(place: Place, work: Work): Promise<Queue>
}

export type Work = 'nothing' | 'write'

export interface Counts {
  /** Ended well; null where the contestant forgets them. */
  readonly done: number | null
  /** Ready, waiting, leased or failed. */
  readonly left: number
}

/** A contestant at work in a process and on a place of its own. Jobs are numbers; `payload` makes what is stored of them. */
export interface Queue {
  /** Resolves when the job is acknowledged, as durably as the contestant's guarantee says. */
  add?(n: number, tenant?: number): Promise<unknown>
  /** The bulk call, `count` jobs from `first`. */
  addMany?(first: number, count: number, tenant?: number): Promise<unknown>
  /** Ended jobs that an earlier life left behind, over the tenants that have jobs now; absent where none are kept. */
  layHistory?(rows: number): Promise<void>
  /** Starts a worker; resolves when `jobs` jobs are settled in the database, not when their handlers were called. */
  drain(jobs: number, handle: (n: number) => void): Promise<void>
  counts(): Promise<Counts>
  close(): Promise<void>
}

/** What a method that a scenario needs must be there for. */
export function able<K extends keyof Queue>(queue: Queue, method: K): NonNullable<Queue[K]> {
  const found = queue[method]
  if (found === undefined) throw new Error(`this contestant has no ${method}`)
  return found.bind(queue) as NonNullable<Queue[K]>
}
