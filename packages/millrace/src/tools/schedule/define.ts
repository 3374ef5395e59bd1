import { MillraceError } from '../../kernel/rules/errors.ts'
import { checkDefinitionName, checkTenant, DEFAULT_TENANT } from '../../kernel/rules/names.ts'
import { optionFields } from '../../kernel/rules/option-fields.ts'
import { checkVersion } from '../check-definition.ts'
import { isDefinition, type Definition, type InputOf } from '../definition.ts'
import {
  settingFields,
  settingsOf,
  type SchedulePolicies,
  type ScheduleSettings,
  type ScheduleTimes,
} from './settings.ts'

export interface ScheduleOptions<D extends Definition> extends ScheduleTimes, SchedulePolicies {
  /** `[A-Za-z][A-Za-z0-9_-]{0,79}`, unique among the schedules of its tenant. */
  readonly name: string
  /** Raise it with a change, and a process with the old code that starts once more does not put the old one back. Default 1. */
  readonly version?: number
  /** The definition whose job each fire enqueues: of any tool. */
  readonly runs: D
  readonly input?: InputOf<D>
  /** Default `default`. */
  readonly tenant?: string
}

/** A schedule in code: a frozen value, written to the database when a process that has it starts. */
export interface ScheduleDefinition {
  readonly kind: 'schedule'
  readonly name: string
  readonly version: number
  readonly tenant: string
  readonly runs: Definition
  readonly input: unknown
  readonly settings: ScheduleSettings
}

const fields = ['name', 'version', 'runs', 'input', 'tenant', ...settingFields]

/**
 * Fires a job at the times it names, once for each, however many processes there are. Throws MILL_NAME_INVALID, MILL_SCHEDULE_INVALID,
 * MILL_CRON_INVALID, MILL_TIME_ZONE_UNKNOWN and what bad options deserve.
 */
export function defineSchedule<D extends Definition>(options: ScheduleOptions<D>): ScheduleDefinition {
  const { name, version = 1, runs, input, tenant = DEFAULT_TENANT } = options
  checkDefinitionName(name, 'defineSchedule')
  const where = `schedule ${name}`
  optionFields(options, fields, where)
  checkTenant(tenant, where)
  if (!isDefinition(runs))
    throw new MillraceError('MILL_SCHEDULE_INVALID', `${where} runs no definition: give what define… made`)
  checkVersion(version, where, 'MILL_SCHEDULE_INVALID')
  return Object.freeze({
    kind: 'schedule',
    ...{ name, version, tenant, runs, input: input ?? null },
    settings: settingsOf(options, where),
  })
}

export function isScheduleDefinition(value: unknown): value is ScheduleDefinition {
  return (
    typeof value === 'object' && value !== null && (value as Partial<ScheduleDefinition>).kind === 'schedule'
  )
}
