import { parseDuration, type Duration } from '../kernel/rules/duration.ts'
import { MillraceError } from '../kernel/rules/errors.ts'
import { checkQueue, checkTenant } from '../kernel/rules/names.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import { demandTimeZone } from '../kernel/rules/time-zone.ts'
import { cursorLimits, defaultCursorLimits, type CursorLimits } from '../records/cursor/limits.ts'
import { checkLimits } from '../tools/limit-specs.ts'
import { configFields, type MillConfig } from './config.ts'
import { flexSettingsOf, type FlexSettings } from './flex-limits.ts'

/** The configuration with every default filled in, durations in ms. */
export interface Settings {
  readonly storage: string
  readonly migrate: boolean
  readonly concurrency: number
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly blockedLimitMs: number
  readonly timeoutMs: number
  readonly writeTimeoutMs: number
  readonly shutdownMs: number
  readonly abortGraceMs: number
  readonly maxDeaths: number
  readonly retention: { readonly completedMs: number; readonly failedMs: number }
  readonly maxPayloadBytes: number
  readonly maxResultBytes: number
  readonly patienceMs: number
  readonly queryTimeoutMs: number
  readonly poolSize: number
  readonly environment: string
  readonly flexQueue: FlexSettings
  readonly records: {
    readonly timeZone: string
    readonly fiscalYearStart: number
    readonly maxRows: number
    readonly queryTimeoutMs: number
    readonly cursors: CursorLimits
  }
}

const mebibyte = 1024 * 1024
const largestText = 256 * mebibyte

/** Refuses what no installation can mean, naming the field. */
export function settingsOf(config: MillConfig): Settings {
  refuseStrangers(config)
  const ms = (value: Duration | undefined, standard: Duration, field: string): number =>
    parseDuration(value ?? standard, `config ${field}`)
  const concurrency = whole(config.concurrency ?? 10, 'concurrency', 1, 10_000)
  const leaseMs = ms(config.lease, '15 seconds', 'lease')
  if (leaseMs < 300)
    throw new MillraceError(
      'MILL_CONFIG_INVALID',
      `config lease is ${leaseMs} ms; it must be at least 300 ms`,
    )
  const writeTimeoutMs = ms(
    config.writeTimeout,
    leaseMs > 5_000 ? '5 seconds' : `${Math.floor(leaseMs * 0.8)}ms`,
    'writeTimeout',
  )
  if (writeTimeoutMs >= leaseMs) {
    throw new MillraceError(
      'MILL_CONFIG_INVALID',
      `config writeTimeout (${writeTimeoutMs} ms) must be below the lease (${leaseMs} ms)`,
    )
  }
  for (const [queue, limits] of Object.entries(config.queues ?? {})) {
    checkQueue(queue, 'config queues')
    checkLimits('queue', queue, limits)
    if (limits.perProcess !== undefined) whole(limits.perProcess, `queues.${queue}.perProcess`, 1, 10_000)
  }
  for (const [tenant, limits] of Object.entries(config.tenants ?? {})) {
    if (tenant !== '*') checkTenant(tenant, 'config tenants')
    checkLimits('tenant', tenant, limits)
  }
  return {
    storage: config.storage ?? 'sqlite:data/millrace.db',
    migrate: config.migrate ?? true,
    concurrency,
    leaseMs,
    heartbeatMs: Math.floor(leaseMs / 3),
    blockedLimitMs: ms(config.blockedLimit, '30 seconds', 'blockedLimit'),
    timeoutMs: ms(config.timeout, '10 minutes', 'timeout'),
    writeTimeoutMs,
    shutdownMs: ms(config.shutdown, '30 seconds', 'shutdown'),
    abortGraceMs: ms(config.abortGrace, '10 seconds', 'abortGrace'),
    maxDeaths: whole(config.maxDeaths ?? 3, 'maxDeaths', 1, 100),
    retention: {
      completedMs: atLeast(
        ms(config.retention?.completed, '30 days', 'retention.completed'),
        'retention.completed',
      ),
      failedMs: atLeast(ms(config.retention?.failed, '90 days', 'retention.failed'), 'retention.failed'),
    },
    maxPayloadBytes: whole(config.maxPayloadBytes ?? mebibyte, 'maxPayloadBytes', 1, largestText),
    maxResultBytes: whole(config.maxResultBytes ?? mebibyte, 'maxResultBytes', 1, largestText),
    patienceMs: ms(config.patience, '10 seconds', 'patience'),
    queryTimeoutMs: ms(config.postgres?.queryTimeout, '30 seconds', 'postgres.queryTimeout'),
    poolSize: whole(
      config.postgres?.poolSize ?? Math.min(40, concurrency + 4),
      'postgres.poolSize',
      2,
      1_000,
    ),
    environment: config.environment ?? 'development',
    flexQueue: flexSettingsOf(config),
    records: {
      timeZone: zone(config.records?.timeZone ?? 'UTC'),
      fiscalYearStart: whole(config.records?.fiscalYearStart ?? 1, 'records.fiscalYearStart', 1, 12),
      maxRows: whole(config.records?.maxRows ?? 50_000, 'records.maxRows', 1, 10_000_000),
      queryTimeoutMs: ms(config.records?.queryTimeout, '30 seconds', 'records.queryTimeout'),
      cursors: cursorsOf(config.records?.cursors),
    },
  }
}

type CursorConfig = NonNullable<NonNullable<MillConfig['records']>['cursors']>

function cursorsOf({ expireAfter = '2 days', ...limits }: CursorConfig = {}): CursorLimits {
  const ttlMs = parseDuration(expireAfter, 'config records.cursors.expireAfter')
  return cursorLimits({ ...limits, ttlMs }, 'config records.cursors', 'MILL_CONFIG_INVALID')
}

function zone(name: string): string {
  demandTimeZone(name, 'config records.timeZone', 'MILL_CONFIG_INVALID')
  return name
}

const parts = {
  retention: ['completed', 'failed'],
  log: ['level', 'sink'],
  records: ['principal', 'timeZone', 'fiscalYearStart', 'maxRows', 'queryTimeout', 'cursors'],
  sqlite: ['synchronous'],
  postgres: ['schema', 'pooler', 'listenUrl', 'poolSize', 'queryTimeout'],
} as const

function refuseStrangers(config: MillConfig): void {
  const check = (value: unknown, known: readonly string[], where: string): void => {
    if (value !== undefined) optionFields(value, known, where, 'MILL_CONFIG_INVALID')
  }
  check(config, configFields, 'config')
  for (const part of ['retention', 'log', 'records', 'sqlite', 'postgres'] as const)
    check(config[part], parts[part], `config ${part}`)
  const { ttlMs: _, ...cursors } = defaultCursorLimits
  check(config.records?.cursors, [...Object.keys(cursors), 'expireAfter'], 'config records.cursors')
  const limits = ['concurrency', 'rateLimit']
  for (const [queue, options] of Object.entries(config.queues ?? {}))
    check(options, [...limits, 'perProcess'], `config queues.${queue}`)
  for (const [tenant, options] of Object.entries(config.tenants ?? {}))
    check(options, [...limits, 'flexQueue'], `config tenants.${tenant}`)
}

/** A repeat of an enqueue whose answer was lost must still find the job it made, so ids outlive every such repeat. */
const shortestRetentionMs = 60_000

function atLeast(ms: number, field: string): number {
  if (ms >= shortestRetentionMs) return ms
  throw new MillraceError('MILL_CONFIG_INVALID', `config ${field} is ${ms} ms; it must be at least 1 minute`)
}

function whole(value: number, field: string, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new MillraceError(
      'MILL_CONFIG_INVALID',
      `config ${field} is ${String(value)}; it must be a whole number from ${least} to ${most}`,
    )
  }
  return value
}
