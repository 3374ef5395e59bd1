/** One query of the suite, and on whose behalf it runs; where nothing is said: the system, UTC, the fixture's now, tenant acme. */
export interface QueryCase {
  readonly soql: string
  readonly binds?: Readonly<Record<string, unknown>>
  readonly timeZone?: string
  readonly now?: number
  readonly tenant?: string
  /** The id of a user; system without one. */
  readonly user?: string
}

export type QueryGroup = readonly (string | QueryCase)[]

export const caseOf = (given: string | QueryCase): QueryCase =>
  typeof given === 'string' ? { soql: given } : given

/** The same query in several time zones. */
export const inZones = (soqls: readonly string[], zones: readonly string[], now?: number): QueryGroup =>
  soqls.flatMap((soql) =>
    zones.map((timeZone) => ({ soql, timeZone, ...(now === undefined ? {} : { now }) })),
  )
