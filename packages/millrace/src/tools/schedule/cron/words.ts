/** A field whose values begin again after the last one. */
export interface Cycle {
  readonly first: number
  readonly size: number
}

/** `Monday, Tuesday and Friday`. */
export function joined(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('')
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`
}

/**
 * Ascending values in words: runs as `1 to 5`, five or more at an equal distance as `1, 4, … 31`, else each. In a cycle a run may
 * go over the end: `November to February`.
 */
export function listed(
  values: readonly number[],
  name: (value: number) => string = String,
  cycle?: Cycle,
): string {
  const [first = 0, second = 0] = values
  if (values.length >= 5 && stepOf(values) !== undefined)
    return `${name(first)}, ${name(second)}, … ${name(values.at(-1) ?? 0)}`
  return joined(
    runsOf(values, cycle).flatMap((run) =>
      run.length > 2 ? [`${name(run[0] ?? 0)} to ${name(run.at(-1) ?? 0)}`] : run.map(name),
    ),
  )
}

/** The distance between all of them, if it is one and more than 1. */
export function stepOf([first = 0, second = first, ...rest]: readonly number[]): number | undefined {
  const step = second - first
  return step > 1 && rest.every((value, at) => value === second + (at + 1) * step) ? step : undefined
}

/** The ends of values that follow each other without a gap. */
export function endsOf(
  values: readonly number[],
  cycle: Cycle,
): { readonly first: number; readonly last: number } | undefined {
  const [run, ...others] = runsOf(values, cycle)
  if (run === undefined || others.length > 0) return undefined
  return { first: run[0] ?? 0, last: run.at(-1) ?? 0 }
}

function runsOf(values: readonly number[], cycle?: Cycle): readonly (readonly number[])[] {
  const runs: number[][] = []
  for (const value of values) {
    const run = runs.at(-1)
    if (run?.at(-1) === value - 1) run.push(value)
    else runs.push([value])
  }
  const [first, last] = [runs[0], runs.at(-1)]
  if (cycle === undefined || first === undefined || last === undefined || first === last) return runs
  const overEnd = first[0] === cycle.first && last.at(-1) === cycle.first + cycle.size - 1
  return overEnd ? [[...last, ...first], ...runs.slice(1, -1)] : runs
}
