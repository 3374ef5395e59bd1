import { demandTimeZone } from '../kernel/rules/time-zone.ts'
import type { Caller, Principal } from './access/principal.ts'

/**
 * Who acts when an execution or a call says `runAs`: looked up once per execution or call. null or undefined: nobody known, to whom
 * nothing is permitted.
 */
export type PrincipalSource = (
  runAs: string,
  tenant: string,
) => Principal | null | undefined | Promise<Principal | null | undefined>

export interface CallerOptions {
  /** Default: `runAs` names the one role of its bearer. */
  readonly principal?: PrincipalSource | undefined
  /** For those whose principal says none. */
  readonly timeZone: string
}

export interface Actor {
  readonly tenant: string
  /** undefined: the system, to which everything is permitted. */
  readonly runAs: string | undefined
  readonly timeZone?: string | undefined
}

const roleNamed: PrincipalSource = (runAs) => ({ id: runAs, roles: [runAs] })

/** Throws what the source throws, and MILL_CONFIG_INVALID for a time zone that there is not. */
export async function callerOf(
  { tenant, runAs, timeZone }: Actor,
  options: CallerOptions,
  now: number,
): Promise<Caller> {
  const source = options.principal ?? roleNamed
  const principal = runAs === undefined ? null : ((await source(runAs, tenant)) ?? { id: runAs, roles: [] })
  const zone = timeZone ?? principal?.timeZone ?? options.timeZone
  demandTimeZone(zone, `the time zone of ${runAs ?? tenant}`, 'MILL_CONFIG_INVALID')
  return { tenant, principal, timeZone: zone, now: Math.floor(now) }
}
