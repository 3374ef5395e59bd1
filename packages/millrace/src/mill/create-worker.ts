import { Worker } from '../kernel/runtime/worker.ts'
import { keeperThreadOf } from './keeper.ts'
import type { MillParts } from './mill.ts'
import { release } from './release.ts'

/** A worker over the parts of a mill, not started yet. */
export function createWorker(parts: MillParts): Worker {
  const { config, settings, storage, cache, handlers, clock, chance, events, faults } = parts
  const queueConcurrency: Record<string, number> = {}
  for (const [queue, { perProcess }] of Object.entries(config.queues ?? {})) {
    if (perProcess !== undefined) queueConcurrency[queue] = perProcess
  }
  return new Worker({
    storage,
    cache,
    handlers,
    clock,
    chance,
    events,
    faults,
    release,
    concurrency: settings.concurrency,
    queueConcurrency,
    queues: config.only ?? null,
    leaseMs: settings.leaseMs,
    heartbeatMs: settings.heartbeatMs,
    keeperThread: keeperThreadOf(parts),
    rescueEveryMs: Math.min(settings.heartbeatMs, 5_000),
    pruneEveryMs: 60_000,
    retention: settings.retention,
    planner: parts.schedules.planner,
    writeTimeoutMs: settings.writeTimeoutMs,
    abortGraceMs: settings.abortGraceMs,
    keepMs: parts.keepMs,
    shutdownMs: settings.shutdownMs,
    maxDeaths: settings.maxDeaths,
  })
}
