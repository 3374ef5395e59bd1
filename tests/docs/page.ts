import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const repository = join(import.meta.dirname, '../..')

/** A fenced block of a page. */
export interface Block {
  readonly language: string
  /** What follows the language on the fence: `fragment`, `prints`, `file=<path>`, or nothing. */
  readonly note: string
  /** Line of the page on which its first line stands, from 1. */
  readonly line: number
  readonly lines: readonly string[]
}

export interface Page {
  /** Relative to the repository, with `/`. */
  readonly path: string
  readonly lines: readonly string[]
  readonly blocks: readonly Block[]
}

/** The pages of docs/ and the README. */
export function readPages(): Page[] {
  return ['README.md', ...globSync('docs/*.md', { cwd: repository }).sort()].map((path) =>
    parsePage(path.replaceAll('\\', '/'), readFileSync(join(repository, path), 'utf8')),
  )
}

/** Languages whose blocks are only shown. */
const shown = ['text', 'json', 'ini']
/** What a fence may say, by language. */
const notes: Readonly<Record<string, RegExp>> = {
  ts: /^(fragment|file=[\w./-]+)?$/,
  sh: /^(fragment)?$/,
  sql: /^(fragment|roles)?$/,
  text: /^(prints)?$/,
}

/** Throws on a fence that nothing here understands: it would be a block that nobody runs. */
export function parsePage(path: string, content: string): Page {
  const lines = content.split('\n')
  const blocks: Block[] = []
  let open: { language: string; note: string; line: number; lines: string[] } | null = null
  lines.forEach((text, index) => {
    const fence = /^\s*```(.*)$/.exec(text)
    if (open !== null) {
      if (fence === null) open.lines.push(text)
      else {
        blocks.push(open)
        open = null
      }
    } else if (fence !== null) {
      const [language = '', ...rest] = (fence[1] ?? '').trim().split(/\s+/)
      const note = rest.join(' ')
      const known = notes[language]?.test(note) ?? (shown.includes(language) && note === '')
      if (!known || !text.startsWith('```'))
        throw new Error(`${path}:${index + 1}: ${JSON.stringify(text)} opens no block that is checked`)
      open = { language, note, line: index + 2, lines: [] }
    }
  })
  if (open !== null) throw new Error(`${path}: a block has no end`)
  return { path, lines, blocks }
}

/** Blocks that make up the page's module. */
export function moduleBlocks({ blocks }: Page): Block[] {
  return blocks.filter(({ language, note }) => language === 'ts' && note === '')
}

/** Blocks of commands that are run: those that call `millrace`. */
export function commandBlocks({ blocks }: Page): Block[] {
  return blocks.filter(
    ({ language, note, lines }) =>
      language === 'sh' && note === '' && lines.some((line) => line.startsWith('millrace ')),
  )
}

export function statementBlocks({ blocks }: Page): Block[] {
  return blocks.filter(({ language, note }) => language === 'sql' && note === '')
}

/** What the page says that the block prints; null: nothing is said. */
export function printsOf({ blocks }: Page, block: Block): Block | null {
  const next = blocks[blocks.indexOf(block) + 1]
  return next?.language === 'text' && next.note === 'prints' ? next : null
}

/** It works on PostgreSQL, whose address it takes from the environment. */
export function needsPostgres(page: Page): boolean {
  return [...moduleBlocks(page), ...commandBlocks(page)].some(({ lines }) =>
    lines.some((line) => line.includes('DATABASE_URL')),
  )
}

/** The rows of the page's tables whose first column has this title; code quotes are taken off the first cell. */
export function tableRows({ lines }: Page, title: string): string[][] {
  const rows: string[][] = []
  let inside = false
  for (const line of lines) {
    if (!line.startsWith('|')) {
      inside = false
      continue
    }
    const cells = line
      .replace(/^\||\|\s*$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|'))
    const [first = '', ...rest] = cells
    if (first === title) inside = true
    else if (inside && !/^-+$/.test(first)) rows.push([first.replace(/^`(.*)`$/, '$1'), ...rest])
  }
  return rows
}
