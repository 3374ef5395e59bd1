/** Of the pairs of letters of both, the share that they have in common. */
const near = 0.4
/** Likeness of a name in which two neighbours have changed places: of a short one hardly a pair is left. */
const swapped = 0.8
/** Shorter ones are too often names of their own. */
const shortestSwapped = 3

/** The name that is spelled most like the one given; undefined when none is near. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const [nearest] = names
    .map((name) => ({ name, likeness: likenessOf(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ likeness }) => likeness >= near)
    .sort((a, b) => b.likeness - a.likeness)
  return nearest?.name
}

/** ` (did you mean X?)`, or nothing where no name is near. */
export function meant(given: string, names: readonly string[]): string {
  const near = nearestName(given, names)
  return near === undefined ? '' : ` (did you mean ${near}?)`
}

function likenessOf(given: string, name: string): number {
  const [a, b] = [pairsOf(given), pairsOf(name)]
  const shared = [...a].filter((pair) => b.has(pair)).length
  const likeness = (2 * shared) / Math.max(1, a.size + b.size)
  return isSwapped(given, name) ? Math.max(likeness, swapped) : likeness
}

/** `nmae` of `name`. */
function isSwapped(given: string, name: string): boolean {
  if (given.length !== name.length || given.length < shortestSwapped) return false
  const at = Array.from(given).findIndex((letter, place) => letter !== name[place])
  return (
    at >= 0 &&
    given[at] === name[at + 1] &&
    given[at + 1] === name[at] &&
    given.slice(at + 2) === name.slice(at + 2)
  )
}

function pairsOf(lower: string): ReadonlySet<string> {
  return new Set(Array.from(lower, (_, at) => lower.slice(at, at + 2)).filter(({ length }) => length === 2))
}
