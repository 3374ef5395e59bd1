import { paint, print, visible } from './text.ts'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  /** Colours the padded cell. */
  readonly paint?: (cell: string, row: Row) => string
  readonly right?: boolean
}

/** Narrower the last column is not made, whatever the terminal. */
const leastWidth = 20

/** Aligned columns. On a terminal the last one is cut where the line ends; piped, nothing is. */
export function printTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
  const cells = rows.map((row) => columns.map((column) => visible(column.value(row))))
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((line) => line[at]?.length ?? 0)),
  )
  const room = process.stdout.isTTY ? process.stdout.columns : Infinity
  const line = (texts: readonly string[], dress: (text: string, at: number) => string): void => {
    let used = 0
    const parts = texts.map((text, at) => {
      const width = widths[at] ?? 0
      const last = at === texts.length - 1
      const padded = columns[at]?.right ? text.padStart(width) : last ? text : text.padEnd(width)
      const cut = last ? shortened(padded, Math.max(leastWidth, room - used)) : padded
      used += width + 2
      return dress(cut, at)
    })
    print(parts.join('  ').trimEnd())
  }
  line(
    columns.map(({ title }) => title),
    (text) => paint('bold', text),
  )
  cells.forEach((texts, index) =>
    line(texts, (text, at) => {
      const row = rows[index] as Row
      return columns[at]?.paint?.(text, row) ?? text
    }),
  )
}

function shortened(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}
