import { MillraceError } from '../kernel/rules/errors.ts'
import { optionFields } from '../kernel/rules/option-fields.ts'
import type { FlexLimits } from '../tools/limit-specs.ts'
import type { FlexQueueOptions, MillConfig } from './config.ts'

/** As Salesforce has them (semantics B-08). */
const standard = { active: 5, holding: 100 } as const

/** The flex queue of each tenant, by its own options, those of `'*'`, or those of all. Refuses what no installation can mean. */
export function flexLimitsOf(config: MillConfig): (tenant: string) => FlexLimits | null {
  const all = config.flexQueue === undefined ? limitsOf({}, '') : limitsOf(config.flexQueue, 'flexQueue')
  const named = new Map<string, FlexLimits | null>()
  for (const [tenant, { flexQueue }] of Object.entries(config.tenants ?? {}))
    if (flexQueue !== undefined) named.set(tenant, limitsOf(flexQueue, `tenants.${tenant}.flexQueue`))
  return (tenant) => {
    const name = [tenant, '*'].find((one) => named.has(one))
    return name === undefined ? all : (named.get(name) ?? null)
  }
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
