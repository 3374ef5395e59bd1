import type { Queue } from './contestant.ts'
import { inFlight } from './timing.ts'

const chunk = 2_000

/** Jobs 0 to `jobs` - 1, each tenant's in one piece, as fast as the contestant can. */
export async function fill(queue: Queue, jobs: number, tenants: number): Promise<void> {
  const { add, addMany } = queue
  if (addMany === undefined) {
    if (add === undefined) return
    await inFlight(64, 0, jobs, (n) => add(n))
    return
  }
  const pieces = piecesOf(jobs, tenants)
  await inFlight(4, 0, pieces.length, async (at) => {
    const { first, count, tenant } = pieces[at] as Piece
    await addMany(first, count, tenants === 1 ? undefined : tenant)
  })
}

export interface Piece {
  readonly first: number
  readonly count: number
  readonly tenant: number
}

/** Bulk calls that together name every job once. */
export function piecesOf(jobs: number, tenants: number): Piece[] {
  const pieces: Piece[] = []
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    const end = Math.floor(((tenant + 1) * jobs) / tenants)
    for (let first = Math.floor((tenant * jobs) / tenants); first < end; first += chunk) {
      pieces.push({ first, count: Math.min(chunk, end - first), tenant })
    }
  }
  return pieces
}
