import type { AirportDelay } from './result.ts'

/** Of a handful of flights a mean says little. */
const fewest = 50
const shown = 10

/** The lines of the table; `delays` has the most delayed first. */
export function delayTable(delays: readonly AirportDelay[]): string[] {
  const rows = delays.filter(({ flights }) => flights >= fewest).slice(0, shown)
  const cells = rows.map(({ origin, city, state, flights, meanDelay, late, worstDelay }, index) => [
    String(index + 1),
    origin,
    `${city}, ${state}`,
    String(flights),
    `${meanDelay.toFixed(1)} min`,
    `${Math.round((100 * late) / flights)} %`,
    `${worstDelay} min`,
  ])
  return [
    `The most delayed airports of departure, January to March 2001 (those with ${fewest} flights or more):`,
    '',
    ...aligned([['', '', 'airport', 'flights', 'mean delay', 'late', 'worst'], ...cells]),
  ]
}

/** Text to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const texts = [1, 2]
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => {
    const padded = row.map((cell, column) => {
      const width = widths[column] ?? 0
      return texts.includes(column) ? cell.padEnd(width) : cell.padStart(width)
    })
    return `  ${padded.join('  ')}`.trimEnd()
  })
}
