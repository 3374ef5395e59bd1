/** The seven levels, from ERROR (8) to FINEST (2) (semantics N-01). */
export const logLevels = { ERROR: 8, WARN: 7, INFO: 6, DEBUG: 5, FINE: 4, FINER: 3, FINEST: 2 } as const
export type LogLevel = keyof typeof logLevels

export function isEnabled(level: LogLevel, threshold: LogLevel): boolean {
  return logLevels[level] >= logLevels[threshold]
}
