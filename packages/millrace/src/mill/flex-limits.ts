import { MillraceError } from '../kernel/rules/errors.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import type { FlexLimits } from '../tools/limit-specs.ts'
import type { FlexQueueOptions, MillConfig } from './config.ts'

/** As Salesforce has them (semantics B-08). */
const standard = { active: 5, holding: 100 } as const

/** As data, which settings are. */
export interface FlexSettings {
  readonly all: FlexLimits | null
  /** null: the tenant has none. */
  readonly tenants: Readonly<Record<string, FlexLimits | null>>
}

/** Refuses what no installation can mean. */
export function flexSettingsOf({ flexQueue = {}, tenants = {} }: MillConfig): FlexSettings {
  const named = Object.entries(tenants).flatMap(([tenant, { flexQueue }]) =>
    flexQueue === undefined ? [] : [[tenant, limitsOf(flexQueue, `tenants.${tenant}.flexQueue`)] as const],
  )
  return { all: limitsOf(flexQueue, 'flexQueue'), tenants: Object.fromEntries(named) }
}

/** By its own options, those of `'*'`, or those of all. null: its batches go through none. */
export function flexLimitsOf({ all, tenants }: FlexSettings, tenant: string): FlexLimits | null {
  const name = [tenant, '*'].find((one) => Object.hasOwn(tenants, one))
  return name === undefined ? all : (tenants[name] ?? null)
}

function limitsOf(options: FlexQueueOptions, field: string): FlexLimits | null {
  if (options === false) return null
  optionFields(options, ['active', 'holding'], `config ${field}`, 'MILL_CONFIG_INVALID')
  const { active = standard.active, holding = standard.holding } = options
  const slots = bound(active, `${field}.active`, 1)
  const most = bound(holding, `${field}.holding`, 0)
  return slots === null ? null : { slots, most }
}

function bound(value: number | 'unlimited', field: string, least: number): number | null {
  if (value === 'unlimited') return null
  if (Number.isInteger(value) && value >= least && value <= 1_000_000) return value
  throw new MillraceError(
    'MILL_CONFIG_INVALID',
    `config ${field} is ${String(value)}; it must be a whole number from ${least} to 1000000, or 'unlimited'`,
  )
}
