import { dirname } from 'node:path'
import type { Random } from '../random.ts'

/** What processes did to the files of a disk, in order. */
export type DiskEvent =
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'write'; readonly path: string; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  /** Of a file or a folder; covers the events before number `from`: those of when it was called, not of when it returned. */
  | { readonly kind: 'sync'; readonly path: string; readonly from: number }
  /** A line of a ledger, which stands on no disk of ours. */
  | { readonly kind: 'said'; readonly path: string; readonly line: string }

/** Path to content. */
export type Image = ReadonlyMap<string, Buffer>

type Change = { readonly at: number } & (
  | { readonly kind: 'write'; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }
)

interface File {
  synced: Buffer
  /** Since the last sync. */
  changes: Change[]
}

interface NameChange {
  readonly at: number
  readonly path: string
  readonly file: File | null
}

const sectorBytes = 512

/**
 * A disk during a power cut: what was synced is there; of the rest, of each write, of each sector of it and of each new or deleted
 * name, chance decides. Pure but for its own state.
 */
export class Disk {
  #events = 0
  readonly #now = new Map<string, File>()
  readonly #syncedNames = new Map<string, File>()
  #names: NameChange[] = []

  constructor(base: Image) {
    for (const [path, content] of base) {
      const file = { synced: content, changes: [] }
      this.#now.set(path, file)
      this.#syncedNames.set(path, file)
    }
  }

  apply(event: DiskEvent): void {
    const at = this.#events
    this.#events += 1
    const file = this.#now.get(event.path)
    switch (event.kind) {
      case 'create': {
        if (file !== undefined) return
        const created: File = { synced: Buffer.alloc(0), changes: [] }
        this.#now.set(event.path, created)
        this.#names.push({ at, path: event.path, file: created })
        return
      }
      case 'unlink':
        this.#now.delete(event.path)
        this.#names.push({ at, path: event.path, file: null })
        return
      case 'write':
        file?.changes.push({ at, kind: 'write', offset: event.offset, data: event.data })
        return
      case 'truncate':
        file?.changes.push({ at, kind: 'truncate', size: event.size })
        return
      case 'sync':
        if (file === undefined) this.#syncFolder(event.path, event.from)
        else {
          file.synced = changed(
            file.synced,
            file.changes.filter((change) => change.at < event.from),
          )
          file.changes = file.changes.filter((change) => change.at >= event.from)
        }
        return
      case 'said':
        return
    }
  }

  #syncFolder(path: string, from: number): void {
    const isSynced = (change: NameChange): boolean => change.at < from && dirname(change.path) === path
    rename(this.#syncedNames, this.#names.filter(isSynced))
    this.#names = this.#names.filter((change) => !isSynced(change))
  }

  /** The power goes now. */
  cut(random: Random): Image {
    const keep = random.pick(['nothing', 'everything', 'some', 'some', 'some'] as const)
    const names = new Map(this.#syncedNames)
    const settled = new Set<string>()
    for (const change of this.#names) {
      // Of one name the changes happen in their order; where one is lost, so are those after it.
      if (settled.has(change.path)) continue
      if (keep === 'everything' || (keep === 'some' && random.chance(0.5))) rename(names, [change])
      else settled.add(change.path)
    }
    return new Map(
      [...names].map(([path, file]) => {
        if (keep === 'nothing') return [path, file.synced]
        if (keep === 'everything') return [path, changed(file.synced, file.changes)]
        const share = random.next()
        return [
          path,
          changed(
            file.synced,
            file.changes.flatMap((change) => survives(change, share, random)),
          ),
        ]
      }),
    )
  }
}

function rename(names: Map<string, File>, changes: readonly NameChange[]): void {
  for (const { path, file } of changes) {
    if (file === null) names.delete(path)
    else names.set(path, file)
  }
}

/** All of a change, none of it, or of a write some sectors. */
function survives(change: Change, share: number, random: Random): Change[] {
  if (!random.chance(0.2)) return random.chance(share) ? [change] : []
  if (change.kind === 'truncate') return []
  const parts: Change[] = []
  for (let from = 0; from < change.data.length;) {
    const offset = change.offset + from
    const to = Math.min(change.data.length, from + sectorBytes - (offset % sectorBytes))
    if (random.chance(share)) parts.push({ ...change, offset, data: change.data.subarray(from, to) })
    from = to
  }
  return parts
}

function changed(content: Buffer, changes: readonly Change[]): Buffer {
  let size = content.length
  let longest = size
  for (const change of changes) {
    size = change.kind === 'truncate' ? change.size : Math.max(size, change.offset + change.data.length)
    longest = Math.max(longest, size)
  }
  if (changes.length === 0) return content
  const result = Buffer.alloc(longest)
  content.copy(result)
  let end = content.length
  for (const change of changes) {
    if (change.kind === 'write') {
      change.data.copy(result, change.offset)
      end = Math.max(end, change.offset + change.data.length)
    } else {
      if (change.size < end) result.fill(0, change.size, end)
      end = change.size
    }
  }
  return result.subarray(0, size)
}
