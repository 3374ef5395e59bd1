import { styleText } from 'node:util'
import type { StoredError } from '../../kernel/rules/outcome.ts'
import type { LogEntry, LogSink } from './entry.ts'
import type { LogLevel } from './level.ts'

type Style = Parameters<typeof styleText>[0]
const styles: Readonly<Record<LogLevel, Style>> = {
  ERROR: 'red',
  WARN: 'yellow',
  INFO: 'cyan',
  DEBUG: 'gray',
  FINE: 'gray',
  FINER: 'gray',
  FINEST: 'gray',
}

/** Streams whose errors are heard. */
const heeded = new WeakSet<NodeJS.WriteStream>()

/**
 * Lines for people on a terminal; one JSON object a line when piped. What cannot be written is lost: a full disk, or a reader
 * that has gone, must not end a process that works.
 */
export function stdoutSink(stream: NodeJS.WriteStream = process.stdout): LogSink {
  if (!heeded.has(stream)) stream.on('error', () => undefined)
  heeded.add(stream)
  return stream.isTTY
    ? (entry) => void stream.write(`${forPeople(entry)}\n`)
    : (entry) => void stream.write(`${JSON.stringify(entry)}\n`)
}

function forPeople(entry: LogEntry): string {
  const time = new Date(entry.at).toISOString().slice(11, 23)
  const source =
    entry.source === undefined
      ? ''
      : styleText('gray', ` ${entry.source.name} ${entry.source.jobId.slice(-6)}#${entry.source.attempt}`)
  const rest = entry.error === undefined ? '' : `\n${indent(describe(entry.error))}`
  return `${styleText('gray', time)} ${styleText(styles[entry.level], entry.level.padEnd(5))}${source} ${entry.message}${rest}`
}

function describe(error: StoredError): string {
  const head = error.stack ?? `${error.name}: ${error.message}`
  return error.cause === undefined ? head : `${head}\ncaused by ${describe(error.cause)}`
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ')
}
