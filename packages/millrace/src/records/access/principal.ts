/** Rights on one object. What is absent is not allowed. */
export interface ObjectPermissions {
  readonly read?: boolean
  readonly create?: boolean
  readonly edit?: boolean
  readonly delete?: boolean
  /** Fields that differ from `read` and `edit` of the object; a field that is not named follows the object. */
  readonly fields?: Readonly<Record<string, { readonly read?: boolean; readonly edit?: boolean }>>
}

/** Who acts: the `runAs` of an execution, seen with its roles. null = system, to whom everything is permitted. */
export interface Principal {
  readonly id: string
  readonly roles: readonly string[]
  /** IANA name; default `records.timeZone` of the config, else UTC. Days and weeks of date literals begin there. */
  readonly timeZone?: string
}

/** What every statement over records is made under. */
export interface Caller {
  readonly tenant: string
  readonly principal: Principal | null
  readonly timeZone: string
  /** Of the caller's execution or call: all date literals of one statement see one now. Epoch ms. */
  readonly now: number
}
