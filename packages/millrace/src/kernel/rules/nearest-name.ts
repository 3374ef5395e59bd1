/** Of the pairs of letters of both, the share that they have in common. */
const near = 0.4

/** The name that is spelled most like the one given; undefined when none is near. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const [nearest] = names
    .map((name) => ({ name, likeness: likenessOf(pairsOf(given), pairsOf(name)) }))
    .filter(({ likeness }) => likeness >= near)
    .sort((a, b) => b.likeness - a.likeness)
  return nearest?.name
}

function likenessOf(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const shared = [...a].filter((pair) => b.has(pair)).length
  return (2 * shared) / Math.max(1, a.size + b.size)
}

function pairsOf(name: string): ReadonlySet<string> {
  const lower = name.toLowerCase()
  return new Set(Array.from(lower, (_, at) => lower.slice(at, at + 2)).filter(({ length }) => length === 2))
}
