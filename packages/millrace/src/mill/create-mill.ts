import { MillraceError, type ErrorCode } from '../kernel/rules/errors.ts'
import type { FlexFilling } from '../kernel/rules/flex-queue.ts'
import { createIdSource } from '../kernel/rules/ids.ts'
import { longestKeepMs } from '../kernel/rules/keep.ts'
import { Awaiter } from '../kernel/runtime/awaiter.ts'
import { DatabaseClock } from '../kernel/runtime/database-clock.ts'
import { EngineEvents, type EngineEvent } from '../kernel/runtime/engine-event.ts'
import { Enqueuer } from '../kernel/runtime/enqueuer.ts'
import { Handlers, type ExecutionHandler } from '../kernel/runtime/handler.ts'
import { LaneCache } from '../kernel/runtime/lane-cache.ts'
import { systemChance, systemClock } from '../kernel/runtime/system-clock.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { LogSink } from '../observe/log/entry.ts'
import { createLogger, type Logger } from '../observe/log/logger.ts'
import { logPart } from '../observe/log/log-part.ts'
import { stdoutSink } from '../observe/log/stdout.ts'
import { flagsPart } from '../govern/flags/flags.ts'
import type { TriggerContext } from '../records/env.ts'
import { engineObjects } from '../records/engine/engine-objects.ts'
import { RecordsInstallation } from '../records/installation.ts'
import type { Definition } from '../tools/definition.ts'
import { gated } from '../tools/gate.ts'
import { ScopedContext } from '../tools/handler-context.ts'
import type { QueueableDefinition } from '../tools/queueable/define.ts'
import { queueableHandler } from '../tools/queueable/executions.ts'
import type { BatchDefinition } from '../tools/batch/define.ts'
import { batchHandler, type BatchServices } from '../tools/batch/executions.ts'
import type { PipelineDefinition } from '../tools/pipeline/define.ts'
import { pipelineHandler, type PipelineServices } from '../tools/pipeline/executions.ts'
import { missedAfterMs, mostCounted } from '../tools/schedule/rules.ts'
import type { MillConfig, MillInternals } from './config.ts'
import { loadDefinitions, type LoadedDefinitions } from './definitions.ts'
import { Enqueuing, laneOf, limitKeyCache } from './enqueuing.ts'
import { flexLimitsOf } from './flex-limits.ts'
import { Mill, type MillParts } from './mill.ts'
import { keepNoticeName, recordChanges } from './record-changes.ts'
import { Scheduling } from './scheduling.ts'
import { openStorage, type Opened } from './storage-url.ts'
import { settingsOf, type Settings } from './settings.ts'

/**
 * Opens the storage, brings its tables up to date, and gathers the definitions. Nothing runs here until `mill.start()`. Throws
 * MILL_CONFIG_INVALID, MILL_DEFINITION_*, MILL_STORAGE_*, MILL_RELEASE_TOO_OLD; nothing is left open then.
 */
export function createMill(config: MillConfig = {}): Promise<Mill> {
  return assemble(config, {})
}

/** The same with the clock, chance, and fault points replaced. */
export async function assemble(
  config: MillConfig,
  internals: MillInternals,
  directory?: string,
): Promise<Mill> {
  return new Mill(await assembleParts(config, internals, directory))
}

/** What a mill is made of; the testing kit runs its workers by hand. */
export async function assembleParts(
  config: MillConfig,
  internals: MillInternals,
  directory?: string,
): Promise<MillParts> {
  const settings = settingsOf(config)
  const loaded = await loadDefinitions(config.definitions, directory)
  keepNoticeName(loaded)
  const { foreign, storage: opened } = await openStorage(settings, config, internals)
  const storage = internals.wrapStorage?.(opened) ?? opened
  try {
    if (settings.migrate) {
      await storage.schema.migrate()
      await internals.faults?.hit('migrate:after-ack')
    }
    await storage.schema.check()
    return await partsOver({ settings, config, internals, loaded, storage, foreign })
  } catch (error) {
    await storage.close()
    throw error
  }
}

interface Over {
  readonly settings: Settings
  readonly config: MillConfig
  readonly internals: MillInternals
  readonly loaded: LoadedDefinitions
  readonly storage: Storage
  readonly foreign: Opened['foreign']
}

async function partsOver({
  settings,
  config,
  internals,
  loaded,
  storage,
  foreign,
}: Over): Promise<MillParts> {
  const { tools, schedules, ...ofRecords } = loaded
  const definitions = [...tools, ...recordChanges(storage.kind, loaded, () => records)]
  const clock = internals.clock ?? systemClock
  const chance = internals.chance ?? systemChance
  const events = new EngineEvents()
  const sink = config.log?.sink ?? stdoutSink()
  const threshold = config.log?.level ?? 'INFO'
  subscribeLog(events, sink, threshold, clock)
  const trouble = (error: unknown): void => events.emit({ kind: 'trouble', role: 'awaiter', error })
  const onFilling = (filling: FlexFilling): void => events.emit({ kind: 'flex.filling', ...filling })
  const enqueuer = new Enqueuer({
    jobs: storage.jobs,
    clock,
    faults: internals.faults,
    patienceMs: settings.patienceMs,
    onFilling,
  })
  const awaiter = new Awaiter(storage.history, clock, trouble)
  const cache = new LaneCache(storage.lanes)
  const databaseClock = new DatabaseClock(storage, clock)
  const newId = createIdSource(
    () => clock.now(),
    (n) => chance.bytes(n),
  )
  const known = new Map(
    definitions.map((definition) => [`${definition.name}@${definition.version}`, definition]),
  )
  const enqueuing = new Enqueuing({
    services: {
      newId,
      now: () => clock.now(),
      databaseNow: () => databaseClock.fresh(),
      maxPayloadBytes: settings.maxPayloadBytes,
      limits: { queues: config.queues ?? {}, tenants: config.tenants ?? {} },
      lane: (spec, own) => laneOf(cache, spec, own),
      limitKeys: limitKeyCache(storage.limits),
      flexQueue: (tenant) => flexLimitsOf(settings.flexQueue, tenant),
      flexStanding: (key) => storage.flexQueues.standing(key),
    },
    onFilling,
    enqueuer,
    foreign,
    known: (definition) => known.get(`${definition.name}@${definition.version}`) === definition,
    kind: storage.kind,
  })
  const handlers = new Handlers()
  const { timeZone, fiscalYearStart, maxRows, queryTimeoutMs, cursors } = settings.records
  const records = new RecordsInstallation({
    definitions: {
      ...ofRecords,
      objects: [...ofRecords.objects, ...engineObjects(config.postgres?.schema)],
    },
    storage,
    caller: { principal: config.records?.principal, timeZone },
    bounds: { maxRows, timeoutMs: queryTimeoutMs },
    cursorLimits: cursors,
    fiscalYearStart,
    now: () => databaseClock.fresh(),
    newId,
    contextOf: (scope) => new ScopedContext(scope, services) as TriggerContext,
  })
  if (ofRecords.savedQueries.length > 0) await records.savedQueries()
  const services: BatchServices & PipelineServices = {
    states: storage.states,
    history: storage.history,
    newId,
    monotonic: () => clock.monotonic(),
    databaseNow: () => databaseClock.fresh(),
    recordsPart: records.part,
    logPart: logPart(sink, threshold, clock),
    flagsPart: flagsPart(config.flags),
    defaultTimeoutMs: settings.timeoutMs,
    maxResultBytes: settings.maxResultBytes,
    enqueue: (definition, input, options, scope) =>
      options.detached === true
        ? enqueuing.enqueue(definition, input, options)
        : enqueuing.inScope(definition, input, options, scope),
  }
  const gate = { environment: settings.environment, databaseNow: () => databaseClock.fresh() }
  for (const definition of definitions) handlers.add(gated(handlerOf(definition, services), definition, gate))
  const scheduling = new Scheduling({
    ...{ storage, definitions, schedules, newId, events },
    prepare: (definition, input, options) => enqueuing.prepare(definition, input, options, undefined, null),
    maxPayloadBytes: settings.maxPayloadBytes,
    environment: settings.environment,
  })
  return {
    config,
    settings,
    storage,
    definitions,
    handlers,
    cache,
    clock,
    chance,
    events,
    faults: internals.faults,
    keepMs: internals.keepMs ?? longestKeepMs,
    realTime: internals.clock === undefined && internals.databaseNow === undefined,
    enqueuer,
    awaiter,
    enqueuing,
    records,
    schedules: scheduling,
    newId,
  }
}

function handlerOf(definition: Definition, services: BatchServices & PipelineServices): ExecutionHandler {
  if (definition.tool === 'queueable') return queueableHandler(definition as QueueableDefinition, services)
  if (definition.tool === 'batch') return batchHandler(definition as BatchDefinition, services)
  if (definition.tool === 'pipeline') return pipelineHandler(definition as PipelineDefinition, services)
  throw new MillraceError(
    'MILL_DEFINITION_INVALID',
    `${definition.name} is a ${definition.tool}, which this release does not know`,
  )
}

/** The engine's own troubles reach the log; everything else is for whoever subscribes. */
function subscribeLog(
  events: EngineEvents,
  sink: LogSink,
  threshold: Parameters<typeof logPart>[1],
  clock: Parameters<typeof logPart>[2],
): void {
  const log = createLogger({ sink, threshold, now: () => clock.now() })
  const tell = (event: EngineEvent): void => {
    if (event.kind === 'trouble')
      log.warn(
        `millrace ${event.role}: ${event.error instanceof Error ? event.error.message : String(event.error)}`,
        { error: event.error },
      )
    if (event.kind === 'worker.fenced')
      log.warn(
        `millrace: worker ${event.worker} lost its lease while running ${event.running.map(({ name, job }) => `${name} ${job}`).join(', ') || 'nothing'}`,
      )
    if (event.kind === 'execution.fenced')
      log.warn(
        `millrace: ${event.lane.name} ${event.key.job} lost its lease before it ended, attempt ${event.key.attempt} was undone`,
      )
    if (event.kind === 'flex.filling')
      log.warn(
        `millrace MILL_FLEX_QUEUE_FILLING: ${event.holding} of at most ${event.most} batches of tenant ${event.tenant} are Holding`,
      )
    if (event.kind === 'rescued')
      log.info(
        `millrace: rescued worker ${event.worker}: ${event.lost} lost, ${event.handedBack} handed back, ${event.parked} parked`,
      )
    tellSchedules(log, event)
  }
  const told = [
    ...['trouble', 'worker.fenced', 'execution.fenced', 'rescued', 'flex.filling'],
    ...['schedule.fired', 'schedule.missed', 'schedule.late', 'schedule.trouble'],
  ] as EngineEvent['kind'][]
  for (const kind of told) events.subscribe(tell, kind)
}

/** What should have fired and did not, by its code. */
function tellSchedules(log: Logger, event: EngineEvent): void {
  if (event.kind === 'schedule.late') {
    const [code, why]: [ErrorCode, string] = event.isTargetKnown
      ? ['MILL_SCHEDULE_LATE', 'and has not fired']
      : ['MILL_SCHEDULE_TARGET_GONE', `and cannot fire: no worker knows ${event.target}`]
    log.warn(`millrace ${code}: schedule ${event.schedule.name} was due at ${timeOf(event.due)} ${why}`)
  }
  if (event.kind === 'schedule.missed')
    log.warn(
      `millrace MILL_SCHEDULE_MISSED: schedule ${event.schedule.name} missed ${event.n >= mostCounted ? 'at least ' : ''}${event.n} of its fires, from ${timeOf(event.due)} on`,
    )
  if (event.kind === 'schedule.fired' && event.lateMs > missedAfterMs)
    log.warn(
      `millrace MILL_SCHEDULE_MISSED: schedule ${event.schedule.name} fired ${Math.round(event.lateMs / 1000)} s after it was due at ${timeOf(event.due)}`,
    )
  if (event.kind === 'schedule.trouble')
    log.error(
      `millrace: schedule ${event.schedule.name} cannot fire: ${event.error instanceof Error ? event.error.message : String(event.error)}`,
      { error: event.error },
    )
}

function timeOf(at: number): string {
  return new Date(at).toISOString()
}
