import type { Clock } from '../../kernel/rules/clock.ts'
import type { ContextPart } from '../../kernel/runtime/context-part.ts'
import type { LogSink } from './entry.ts'
import type { LogLevel } from './level.ts'
import { createLogger, type Logger } from './logger.ts'

/** `ctx.log`: each entry knows its execution and its scenario. */
export function logPart(sink: LogSink, threshold: LogLevel, clock: Clock): ContextPart<Logger> {
  return {
    name: 'log',
    open: ({ run, lane }) => ({
      value: createLogger({
        sink,
        threshold,
        now: () => clock.now(),
        source: { jobId: run.job, seq: run.seq, attempt: run.attempt, name: lane.name, tenant: lane.tenant },
        ...(run.options?.scenario === undefined ? {} : { scenario: run.options.scenario }),
      }),
    }),
  }
}
