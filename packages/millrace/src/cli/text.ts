import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colour where stdout is a terminal and nobody asked for none. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** For people, beside the output: never what a program should read. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Control characters of foreign text shown, so that it cannot steer the terminal. Line ends become spaces. */
export function visible(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** The same for text of several lines. */
export function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => visible(line.replaceAll('\t', '    ')))
}

/** `2030-01-31 08:00:00Z`. */
export function shortTime(at: Date): string {
  return at.toISOString().replace('T', ' ').replace(/\.\d+/, '')
}

/** `12 ms`, `3.4 s`, `5 min 3 s`. */
export function shortDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
