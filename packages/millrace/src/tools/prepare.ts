import { createHash } from 'node:crypto'
import { parseDuration } from '../kernel/rules/duration.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import type { Claimed, JobId, JobOptions, Lane, LaneSpec } from '../kernel/rules/execution.ts'
import type { FlexStanding } from '../kernel/rules/flex-queue.ts'
import type { LimitSpec } from '../kernel/rules/limits.ts'
import {
  checkPriority,
  checkQueue,
  checkTags,
  checkTenant,
  DEFAULT_PRIORITY,
  DEFAULT_QUEUE,
  DEFAULT_TENANT,
} from '../kernel/rules/names.ts'
import { invalidOption, optionFields, wholeOf } from '../kernel/rules/option-fields.ts'
import { normalizeRetry, type RetryPolicy } from '../kernel/rules/retry.ts'
import { checkStorable } from '../kernel/rules/text.ts'
import { normalizeUnique } from '../kernel/rules/unique-key.ts'
import { normalizeWhen, type Due } from '../kernel/rules/when.ts'
import { openAt, type Window } from '../kernel/rules/window.ts'
import type { NewJob } from '../kernel/storage/jobs.ts'
import type { OwnIds } from '../kernel/storage/transaction.ts'
import { checkEnvironments } from './check-definition.ts'
import { encode } from './codec.ts'
import {
  validate,
  type CommonOptions,
  type ConcurrencyOptions,
  type Definition,
  type RateLimitOptions,
} from './definition.ts'
import { windowFor } from './gate.ts'
import { flexQueue, rate, slots, type FlexLimits } from './limit-specs.ts'
import { enqueueFields, type EnqueueOptions } from './enqueue-options.ts'

/** Limits that the configuration sets for queues and tenants, over all workers. */
export interface ConfiguredLimits {
  /** Of a queue or a tenant, by name; `'*'` stands for every tenant not named. */
  readonly queues: Readonly<
    Record<string, { readonly concurrency?: number; readonly rateLimit?: RateLimitOptions }>
  >
  readonly tenants: Readonly<
    Record<string, { readonly concurrency?: number; readonly rateLimit?: RateLimitOptions }>
  >
}

/** Ids of the transaction that the job is written in, once it is open, which may never be; null: it has none of its own. */
export type Own = Promise<OwnIds | null> | null

export interface PrepareServices {
  readonly newId: () => JobId
  readonly now: () => number
  /** The database's clock, epoch ms. */
  readonly databaseNow: () => Promise<number>
  readonly maxPayloadBytes: number
  readonly limits: ConfiguredLimits
  /** At once where it is known: nearly always, and each promise costs. */
  readonly lane: (spec: LaneSpec, own: Own) => Lane | Promise<Lane>
  /** null: batches of the tenant go through no flex queue. */
  readonly flexQueue: (tenant: string) => FlexLimits | null
  /** Of the limit key of a flex queue, without a lock; null: there is none. */
  readonly flexStanding: (key: number) => Promise<FlexStanding | null>
  /** Ids of limit keys, made where they are new. */
  readonly limitKeys: (specs: readonly LimitSpec[], own: Own) => Promise<readonly number[]>
}

/** What an enqueue inside a handler or a trigger follows where its options are silent. */
export interface Origin {
  /** The execution that the job descends from. Outside of executions there is none. */
  readonly run?: Claimed
  readonly tenant: string
  /** Default: that of `run`. */
  readonly runAs?: string | undefined
}

const hardestDepth = 1_000_000

/** Checks an enqueue whole, before anything is written, and makes the job of it. */
export async function prepare(
  services: PrepareServices,
  definition: Definition,
  input: unknown,
  options: EnqueueOptions,
  origin: Origin | undefined,
  own: Own,
): Promise<NewJob> {
  const where = `enqueue of ${definition.name}`
  optionFields(options, enqueueFields, where)
  const common = definition.options
  const tenant = checkTenant(options.tenant ?? origin?.tenant ?? DEFAULT_TENANT, where)
  const queue = checkQueue(options.queue ?? common.queue ?? DEFAULT_QUEUE, where)
  const prio = checkPriority(options.priority ?? common.priority ?? DEFAULT_PRIORITY, where)
  const asked = normalizeWhen({ delay: options.delay, runAt: options.runAt }, services.now(), where)
  const window = windowFor(definition, options, `window in ${where}`)
  if (options.onlyIn !== undefined) checkEnvironments(options.onlyIn, `onlyIn in ${where}`)
  const scope = scopeOf(definition, options, where)
  const tags = checkTags([...(common.tags ?? []), ...checkTags(options.tags, where)], where)
  const timeoutMs = lengthOf(options.timeout, `timeout in ${where}`)
  const deadlineMs = lengthOf(options.deadline ?? common.deadline, `deadline in ${where}`)
  const retry = retryOf(options, common, where)
  const depth = depthOf(options, origin, where)
  const unique = uniqueOf(definition, tenant, options.unique, `unique in ${where}`)
  const scenario = options.scenario ?? common.scenario ?? origin?.run?.options?.scenario
  const runAs = options.runAs ?? origin?.runAs ?? origin?.run?.options?.runAs
  if (scenario !== undefined) checkStorable(scenario, `scenario in ${where}`)
  if (runAs !== undefined) checkStorable(runAs, `runAs in ${where}`)
  const checked =
    definition.schema === undefined ? null : validate(definition.schema, input, `input of ${definition.name}`)
  checked?.catch(() => undefined)
  // Before anything is waited for: the caller may change its object as soon as it has the promise.
  const payload = encode(input, `input of ${definition.name}`, {
    maxBytes: services.maxPayloadBytes,
    tooLarge: 'MILL_PAYLOAD_TOO_LARGE',
  })
  if (checked !== null) await checked
  // Everything was checked: from here on keys and lanes are written.
  const limits = limitSpecsOf(services, definition, input, tenant, queue)
  const flexLimits = definition.flex === true ? services.flexQueue(tenant) : null
  const specs = flexLimits === null ? limits : [...limits, flexQueue(tenant, flexLimits)]
  const ids = specs.length === 0 ? [] : await services.limitKeys(specs, own)
  const keys = ascending(ids.slice(0, limits.length))
  const flex = ids[limits.length]
  const due = window === null ? asked : dueWithin(window, asked, await services.databaseNow())
  const deadline = deadlineMs === undefined ? undefined : (await services.databaseNow()) + deadlineMs
  const jobOptions: JobOptions = {
    ...(payload.types === undefined ? {} : { types: payload.types }),
    ...(definition.hasFinalizer ? { finalizer: true } : {}),
    ...(definition.several ? { several: true } : {}),
    ...(keys.length === 0 ? {} : { keys }),
    ...(flex === undefined ? {} : { flex }),
    ...(deadline === undefined ? {} : { deadline: Math.round(deadline) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...depth,
    ...(asked !== null && 'inMs' in asked ? { delayMs: asked.inMs } : {}),
    ...(tags.length === 0 ? {} : { tags }),
    ...(scenario === undefined ? {} : { scenario }),
    ...(runAs === undefined ? {} : { runAs }),
    ...(retry === undefined ? {} : { retry }),
    ...(options.window === undefined ? {} : { window }),
    ...(options.onlyIn === undefined ? {} : { onlyIn: options.onlyIn }),
    ...(scope === undefined ? {} : { scope }),
  }
  const spec: LaneSpec = {
    tenant,
    queue,
    name: definition.name,
    version: definition.version,
    gated: keys.length > 0,
  }
  const made = services.lane(spec, own)
  const lane = made instanceof Promise ? await made : made
  return {
    id: services.newId(),
    lane: lane.id,
    prio,
    parent: origin?.run?.job ?? null,
    options: Object.keys(jobOptions).length === 0 ? null : jobOptions,
    payload: payload.json,
    due,
    unique,
    args: tags.map((value) => ({ path: '#tag', value })),
  }
}

/** One that would come outside of its window waits from the first for the window to open. */
export function dueWithin(window: Window, due: Due | null, now: number): NewJob['due'] {
  const wanted = due === null ? now : 'at' in due ? Math.max(due.at, now) : now + due.inMs
  const at = openAt(window, wanted)
  return at > wanted ? { at, reason: 'outsideWindow' } : due
}

/** What an enqueue leaves out of its policy, its definition's lends. */
function retryOf(
  { retry }: EnqueueOptions,
  common: CommonOptions<never>,
  where: string,
): RetryPolicy | undefined {
  if (retry === undefined) return undefined
  return normalizeRetry(retry, `retry in ${where}`, normalizeRetry(common.retry, `retry of the definition`))
}

/** As of a definition: no time at all would end every attempt before it begins. */
function lengthOf(value: string | undefined, where: string): number | undefined {
  if (value === undefined) return undefined
  const ms = parseDuration(value, where)
  if (ms > 0) return ms
  throw new MillraceError('MILL_DURATION_INVALID', `the ${where} must be longer than nothing`)
}

function scopeOf({ tool, name }: Definition, { scope }: EnqueueOptions, where: string): number | undefined {
  if (scope === undefined) return undefined
  if (tool !== 'batch') throw invalidOption(where, `has a scope, which is for batches; ${name} is a ${tool}`)
  return wholeOf(scope, 1, 10_000, `scope in ${where}`)
}

function depthOf(
  { maxDepth }: EnqueueOptions,
  origin: Origin | undefined,
  where: string,
): { depth?: number; maxDepth?: number } {
  if (maxDepth !== undefined && !(Number.isInteger(maxDepth) && maxDepth >= 1 && maxDepth <= hardestDepth)) {
    throw new MillraceError(
      'MILL_OPTIONS_INVALID',
      `maxDepth in ${where} is ${String(maxDepth)}; it must be a whole number from 1 to ${hardestDepth}`,
    )
  }
  const run = origin?.run
  const depth = run === undefined ? 1 : (run.options?.depth ?? 1) + 1
  const inherited = run?.options?.maxDepth
  // A child may tighten the bound it inherits, never loosen it.
  const bound = Math.min(inherited ?? Infinity, maxDepth === undefined ? Infinity : depth - 1 + maxDepth)
  if (depth > bound) {
    throw new MillraceError(
      'MILL_DEPTH_EXCEEDED',
      `Maximum stack depth has been reached: ${where} would be number ${depth} of a chain of at most ${bound}`,
      { data: { depth, maxDepth: bound } },
    )
  }
  return { ...(depth === 1 ? {} : { depth }), ...(Number.isFinite(bound) ? { maxDepth: bound } : {}) }
}

function uniqueOf(
  definition: Definition,
  tenant: string,
  unique: EnqueueOptions['unique'],
  where: string,
): NewJob['unique'] {
  if (unique === undefined) return null
  const { signature, until, on } = normalizeUnique(
    typeof unique === 'string' ? { key: unique } : unique,
    where,
  )
  const scope = JSON.stringify([definition.name, tenant, signature])
  return { key: createHash('sha256').update(scope).digest('hex'), until, on }
}

function limitSpecsOf(
  services: PrepareServices,
  definition: Definition,
  input: unknown,
  tenant: string,
  queue: string,
): readonly LimitSpec[] {
  const { concurrency, rateLimit } = definition.options as {
    concurrency?: number | ConcurrencyOptions
    rateLimit?: RateLimitOptions
  }
  const queueLimits = services.limits.queues[queue]
  const tenantLimits = services.limits.tenants[tenant] ?? services.limits.tenants['*']
  const specs: LimitSpec[] = []
  if (concurrency !== undefined)
    specs.push(
      slots(
        'definition',
        definition.name,
        typeof concurrency === 'number' ? { limit: concurrency } : concurrency,
        input,
      ),
    )
  if (rateLimit !== undefined) specs.push(rate('definition', definition.name, rateLimit, input))
  for (const [kind, name, limits] of [
    ['queue', queue, queueLimits],
    ['tenant', tenant, tenantLimits],
  ] as const) {
    if (limits?.concurrency !== undefined) specs.push(slots(kind, name, { limit: limits.concurrency }, input))
    if (limits?.rateLimit !== undefined) specs.push(rate(kind, name, limits.rateLimit, input))
  }
  return specs
}

function ascending(ids: readonly number[]): number[] {
  return [...new Set(ids)].sort((a, b) => a - b)
}
