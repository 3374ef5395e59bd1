/** The least key first. */
export class Heap {
  readonly #keys: number[] = []
  readonly #items: number[] = []

  get size(): number {
    return this.#keys.length
  }

  /** Infinity when it is empty. */
  get least(): number {
    return this.#keys[0] ?? Infinity
  }

  push(key: number, item: number): void {
    let at = this.#keys.length
    this.#keys.push(key)
    this.#items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#key(parent) <= key) break
      this.#set(at, this.#key(parent), this.#items[parent] as number)
      at = parent
    }
    this.#set(at, key, item)
  }

  pop(): number {
    const item = this.#items[0]
    const key = this.#keys.pop()
    const last = this.#items.pop()
    if (item === undefined || key === undefined || last === undefined) throw new Error('nothing to pop')
    if (this.#keys.length === 0) return item
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.#keys.length) break
      if (child + 1 < this.#keys.length && this.#key(child + 1) < this.#key(child)) child += 1
      if (this.#key(child) >= key) break
      this.#set(at, this.#key(child), this.#items[child] as number)
      at = child
    }
    this.#set(at, key, last)
    return item
  }

  #key(at: number): number {
    return this.#keys[at] as number
  }

  #set(at: number, key: number, item: number): void {
    this.#keys[at] = key
    this.#items[at] = item
  }
}
