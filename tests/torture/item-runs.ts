/** Consecutive items that are alike, first and last id included. */
export interface ItemRun {
  readonly first: number
  readonly last: number
  /** How often each was applied, and by which run at last. */
  readonly n: number
  readonly token: string | null
}

export interface ItemRow {
  readonly id: number
  readonly n: number
  readonly token: string | null
}

/** Of items by ascending id. */
export function runsOfItems(items: readonly ItemRow[]): ItemRun[] {
  const runs: ItemRun[] = []
  for (const { id, n, token } of items) {
    const before = runs.at(-1)
    if (before !== undefined && before.last === id - 1 && before.n === n && before.token === token)
      runs[runs.length - 1] = { ...before, last: id }
    else runs.push({ first: id, last: id, n, token })
  }
  return runs
}
