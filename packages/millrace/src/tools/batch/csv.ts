import { MillraceError } from '../../kernel/rules/errors.ts'

/** A record of a CSV file, and the line (from 1) that it begins at. */
export interface CsvRecord {
  readonly line: number
  readonly cells: readonly string[]
}

export interface CsvProblem {
  readonly line: number
  readonly message: string
}

/** Above this a file is refused: it is held in memory while it is checked. Characters. */
const longestFile = 256 * 1024 * 1024
const mostProblems = 20

/** One record of RFC 4180, with its line end. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\r\n`
}

/**
 * The records of a file by RFC 4180, with CRLF or LF. Problems instead of guesses: a quote within a bare cell, text behind a closing quote, a quote
 * that is never closed. Empty lines are no records.
 */
export function parseCsv(text: string): {
  readonly records: readonly CsvRecord[]
  readonly problems: readonly CsvProblem[]
} {
  const records: CsvRecord[] = []
  const problems: CsvProblem[] = []
  let at = text.startsWith('\uFEFF') ? 1 : 0
  let line = 1
  while (at < text.length) {
    const begin = line
    const cells: string[] = []
    let hasMore = true
    while (hasMore) {
      let cell = ''
      if (text[at] === '"') {
        let end = text.indexOf('"', at + 1)
        while (end !== -1 && text[end + 1] === '"') end = text.indexOf('"', end + 2)
        if (end === -1) {
          problems.push({ line: begin, message: 'a cell begins with a quote that is never closed' })
          return { records, problems }
        }
        cell = text.slice(at + 1, end)
        line += count(cell, '\n')
        cell = cell.replaceAll('""', '"')
        at = end + 1
        const rest = restOfCell(text, at)
        if (rest > at) problems.push({ line, message: 'there is text behind a closing quote' })
        at = rest
      } else {
        const end = restOfCell(text, at)
        cell = text.slice(at, end)
        if (cell.includes('"'))
          problems.push({ line, message: 'there is a quote within a cell that does not begin with one' })
        at = end
      }
      cells.push(cell)
      hasMore = text[at] === ','
      if (hasMore) at += 1
    }
    if (text[at] === '\r') at += 1
    at += 1
    line += 1
    if (cells.length > 1 || cells[0] !== '') records.push({ line: begin, cells })
  }
  return { records, problems }
}

/** Up to the comma or line end that closes it. */
function restOfCell(text: string, from: number): number {
  let at = from
  while (
    at < text.length &&
    text[at] !== ',' &&
    text[at] !== '\n' &&
    !(text[at] === '\r' && text[at + 1] !== undefined && text[at + 1] === '\n')
  )
    at += 1
  return at
}

function count(text: string, char: string): number {
  let n = 0
  for (let at = text.indexOf(char); at !== -1; at = text.indexOf(char, at + 1)) n += 1
  return n
}

/** The whole text of what a caller gives; bytes are UTF-8. Throws MILL_BATCH_CSV_INVALID when it is too long, or no UTF-8. */
export async function textOfCsv(
  source: string | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<string> {
  if (typeof source === 'string') return bounded(source)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  try {
    for await (const piece of source) {
      text += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
      bounded(text)
    }
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) throw csvInvalid([{ line: 1, message: 'the file is no UTF-8 text' }])
    throw error
  }
}

function bounded(text: string): string {
  if (text.length > longestFile)
    throw csvInvalid([{ line: 1, message: `the file has more than ${longestFile} characters` }])
  return text
}

export function csvInvalid(problems: readonly CsvProblem[]): MillraceError {
  const shown = problems.slice(0, 5).map(({ line, message }) => `line ${line}: ${message}`)
  const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : ''
  return new MillraceError('MILL_BATCH_CSV_INVALID', `the file cannot be taken: ${shown.join('; ')}${more}`, {
    data: { problems: problems.slice(0, mostProblems), count: problems.length },
  })
}
