/**
 * The items with those of different owners alternating, each owner's own in the order they had: a claim comes ordered by age, and the
 * long backlog of one tenant would run before the first job of another. `first`: owners in the order in which they have their turns.
 */
export function takingTurns<Item, Owner>(
  items: readonly Item[],
  ownerOf: (item: Item) => Owner,
  first: readonly Owner[] = [],
): readonly Item[] {
  const owners = new Map<Owner, Item[]>(first.map((owner) => [owner, []]))
  for (const item of items) {
    const owner = ownerOf(item)
    const own = owners.get(owner)
    if (own === undefined) owners.set(owner, [item])
    else own.push(item)
  }
  if (owners.size <= 1) return items
  const turns: Item[] = []
  let left = [...owners.values()]
  for (let turn = 0; left.length > 0; turn += 1) {
    left = left.filter((own) => turn < own.length)
    for (const own of left) turns.push(own[turn] as Item)
  }
  return turns
}
