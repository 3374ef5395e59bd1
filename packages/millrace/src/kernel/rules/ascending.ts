/**
 * The items from the least on, sorted only as far as they are asked for: n steps to begin with and log n for each
 * item taken (a binary heap). Takes the array over. Items that tie come in any order.
 */
export function* ascending<Item>(items: Item[], isBefore: (a: Item, b: Item) => boolean): Generator<Item> {
  for (let at = (items.length >> 1) - 1; at >= 0; at--) sink(items, at, isBefore)
  while (items.length > 0) {
    const [least] = items as [Item, ...Item[]]
    const last = items.pop() as Item
    if (items.length > 0) {
      items[0] = last
      sink(items, 0, isBefore)
    }
    yield least
  }
}

/** Moves the item at `start` down until neither of its two children is before it. */
function sink<Item>(heap: Item[], start: number, isBefore: (a: Item, b: Item) => boolean): void {
  const item = heap[start] as Item
  let at = start
  while (2 * at + 1 < heap.length) {
    let child = 2 * at + 1
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Item, heap[child] as Item)) child += 1
    if (!isBefore(heap[child] as Item, item)) break
    heap[at] = heap[child] as Item
    at = child
  }
  heap[at] = item
}
