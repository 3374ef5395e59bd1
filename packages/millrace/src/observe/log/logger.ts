import { storeError } from '../../kernel/rules/stored-error.ts'
import type { StoredError } from '../../kernel/rules/outcome.ts'
import { formatTemplate, type LogEntry, type LogSink, type LogSource } from './entry.ts'
import { isEnabled, type LogLevel } from './level.ts'

/** What an entry may carry beside its message. */
export interface LogDetails {
  readonly error?: unknown
  readonly recordId?: string
  readonly tags?: readonly string[]
  readonly fields?: Readonly<Record<string, unknown>>
}

/** The rest of a log call: template arguments, an error (or null where there was none), or details. */
export type LogExtra = readonly unknown[] | Error | LogDetails | null

/** A row's outcome, as DML and batches report it. */
export interface RowResult {
  readonly success: boolean
  readonly id?: string | number | bigint | null
  readonly errors?: readonly unknown[]
}

export interface Logger {
  /** `(template, args)`, `(message, error)` or `(message, { error, recordId, tags, fields })` (semantics N-02, table 0.2 no. 8). */
  error(message: string, extra?: LogExtra): void
  warn(message: string, extra?: LogExtra): void
  info(message: string, extra?: LogExtra): void
  debug(message: string, extra?: LogExtra): void
  fine(message: string, extra?: LogExtra): void
  finer(message: string, extra?: LogExtra): void
  finest(message: string, extra?: LogExtra): void
  /** One entry for each row that failed; none when all succeeded (semantics N-06). */
  failures(level: LogLevel, message: string, results: readonly RowResult[]): void
  /** Logs at ERROR and throws the error again (semantics N-05). */
  rethrow(message: string, error: unknown): never
  isEnabled(level: LogLevel): boolean
  /** Names the scenario of what follows; the first one named is the transaction's (semantics N-13). */
  setScenario(name: string): void
  endScenario(): void
  addTag(...tags: string[]): void
  /** Hands buffered entries to the sink now; they go by themselves when the execution ends. */
  save(): void
}

export interface LoggerOptions {
  readonly sink: LogSink
  readonly threshold: LogLevel
  readonly now: () => number
  readonly source?: LogSource
  readonly scenario?: string
}

/** A logger for one execution, or for none. */
export function createLogger(options: LoggerOptions): Logger {
  const scenarios: string[] = options.scenario === undefined ? [] : [options.scenario]
  const tags: string[] = []

  const write = (level: LogLevel, message: string, extra?: LogExtra, results?: readonly unknown[]): void => {
    if (!isEnabled(level, options.threshold)) return
    const details = readExtra(extra)
    const entry: LogEntry = {
      at: options.now(),
      level,
      message: Array.isArray(extra) ? formatTemplate(message, extra) : message,
      tags: [...tags, ...(details.tags ?? [])],
      ...optional('scenario', scenarios.at(-1)),
      ...optional('recordId', details.recordId),
      ...optional('error', details.error),
      ...optional('results', results),
      ...optional('fields', details.fields),
      ...optional('source', options.source),
    }
    options.sink(entry)
  }
  const at =
    (level: LogLevel) =>
    (message: string, extra?: LogExtra): void =>
      write(level, message, extra)

  return {
    error: at('ERROR'),
    warn: at('WARN'),
    info: at('INFO'),
    debug: at('DEBUG'),
    fine: at('FINE'),
    finer: at('FINER'),
    finest: at('FINEST'),
    failures(level, message, results) {
      for (const result of results) {
        const { success, id } = result
        if (success) continue
        write(level, message, id === undefined || id === null ? {} : { recordId: String(id) }, [result])
      }
    },
    rethrow(message, error) {
      write('ERROR', message, { error })
      throw error
    },
    isEnabled: (level) => isEnabled(level, options.threshold),
    setScenario: (name) => void scenarios.push(name),
    endScenario: () => void scenarios.pop(),
    addTag: (...added) => void tags.push(...added),
    save: () => undefined,
  }
}

function readExtra(extra: LogExtra | undefined): {
  error?: StoredError
  recordId?: string
  tags?: readonly string[]
  fields?: Readonly<Record<string, unknown>>
} {
  if (extra === undefined || extra === null || Array.isArray(extra)) return {}
  if (extra instanceof Error) return { error: storeError(extra).error }
  const { error, recordId, tags, fields } = extra as LogDetails
  return {
    ...optional('error', error === undefined ? undefined : storeError(error).error),
    ...optional('recordId', recordId),
    ...optional('tags', tags),
    ...optional('fields', fields),
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })
}
