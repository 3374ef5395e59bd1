interface Entry<Item> {
  readonly item: Item
  rank: number
  /** Orders equals. */
  tie: string
  /** Where it stands in the heap. */
  place: number
}

/**
 * Items in the order of a number, among equals of a text, kept while they change: a binary heap that knows where each item
 * stands, so that a change costs log n and the first k cost k log k, however many there are.
 */
export class Ranking<Item> {
  readonly #heap: Entry<Item>[] = []
  readonly #entries = new Map<Item, Entry<Item>>()

  get size(): number {
    return this.#heap.length
  }

  /** The least. */
  get first(): { readonly item: Item; readonly rank: number } | undefined {
    return this.#heap[0]
  }

  /** Adds the item, or moves it to where it belongs now. */
  set(item: Item, rank: number, tie = ''): void {
    let entry = this.#entries.get(item)
    if (entry === undefined) {
      entry = { item, rank, tie, place: this.#heap.length }
      this.#entries.set(item, entry)
      this.#heap.push(entry)
    } else {
      entry.rank = rank
      entry.tie = tie
    }
    this.#settle(entry)
  }

  delete(item: Item): void {
    const entry = this.#entries.get(item)
    if (entry === undefined) return
    this.#entries.delete(item)
    const last = this.#heap.pop() as Entry<Item>
    if (last === entry) return
    this.#put(last, entry.place)
    this.#settle(last)
  }

  /** From the least on; looks only as far as it is asked. The ranking must not change meanwhile. */
  *ascending(): Generator<{ readonly item: Item; readonly rank: number }> {
    // Entries whose parents were taken, the least one last.
    const next = this.#heap.slice(0, 1)
    for (let entry = next.pop(); entry !== undefined; entry = next.pop()) {
      yield entry
      for (const child of [2 * entry.place + 1, 2 * entry.place + 2]) insert(next, this.#heap[child])
    }
  }

  #settle(entry: Entry<Item>): void {
    this.#rise(entry)
    this.#sink(entry)
  }

  #rise(entry: Entry<Item>): void {
    while (entry.place > 0) {
      const parent = this.#heap[(entry.place - 1) >> 1] as Entry<Item>
      if (!isBefore(entry, parent)) return
      this.#swap(entry, parent)
    }
  }

  #sink(entry: Entry<Item>): void {
    for (;;) {
      const left = this.#heap[2 * entry.place + 1]
      if (left === undefined) return
      const right = this.#heap[2 * entry.place + 2]
      const child = right !== undefined && isBefore(right, left) ? right : left
      if (!isBefore(child, entry)) return
      this.#swap(entry, child)
    }
  }

  #swap(a: Entry<Item>, b: Entry<Item>): void {
    const { place } = a
    this.#put(a, b.place)
    this.#put(b, place)
  }

  #put(entry: Entry<Item>, place: number): void {
    this.#heap[place] = entry
    entry.place = place
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.tie < b.tie)
}

/** Into a list whose least entry is the last. */
function insert<Item>(list: Entry<Item>[], entry: Entry<Item> | undefined): void {
  if (entry === undefined) return
  let place = list.length
  while (place > 0 && isBefore(list[place - 1] as Entry<Item>, entry)) place -= 1
  list.splice(place, 0, entry)
}
