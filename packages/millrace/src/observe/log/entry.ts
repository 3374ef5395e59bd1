import type { StoredError } from '../../kernel/rules/outcome.ts'
import type { LogLevel } from './level.ts'

/** One line of a log. */
export interface LogEntry {
  readonly at: number
  readonly level: LogLevel
  readonly message: string
  readonly tags: readonly string[]
  readonly scenario?: string
  readonly recordId?: string
  readonly error?: StoredError
  readonly results?: readonly unknown[]
  readonly fields?: Readonly<Record<string, unknown>>
  /** The execution it belongs to; absent outside of one. */
  readonly source?: LogSource
}

export interface LogSource {
  readonly jobId: string
  readonly seq: number
  readonly attempt: number
  readonly name: string
  readonly tenant: string
}

/** Takes entries as they come; must not throw. */
export type LogSink = (entry: LogEntry) => void

/** `{0}`, `{1}`… replaced by the arguments; unknown places stay as they are. */
export function formatTemplate(template: string, args: readonly unknown[]): string {
  return template.replace(/\{(\d+)\}/g, (place, index: string) => {
    const position = Number(index)
    return position < args.length ? show(args[position]) : place
  })
}

function show(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString()
  if (value instanceof Error) return value.message
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value, (_key, inner: unknown) =>
        typeof inner === 'bigint' ? inner.toString() : inner,
      )
    } catch {
      return Object.prototype.toString.call(value)
    }
  }
  return String(value)
}
