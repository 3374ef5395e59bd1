/** A table as the catalog of either database describes it: plain data. */
export interface TableDescription {
  /** PostgreSQL: undefined where the search path finds the table without it. */
  readonly schema: string | undefined
  readonly name: string
  readonly columns: readonly ColumnDescription[]
  readonly primaryKey: readonly string[]
  /** Of whole tables: partial ones say nothing of a column. */
  readonly uniques: readonly (readonly string[])[]
  readonly foreignKeys: readonly ForeignKey[]
}

export interface ColumnDescription {
  readonly name: string
  /** As declared, in lower case, without length and scale: `varchar`, `timestamp with time zone`, ''. */
  readonly type: string
  /** Characters of a text type. */
  readonly length: number | undefined
  readonly scale: number | undefined
  readonly nullable: boolean
  /** The default as SQL. */
  readonly default: string | undefined
  /** Values of an enum type, or of a check `column in (…)`. */
  readonly values: readonly string[] | undefined
  /** Computed, or an identity that takes no values: never written. */
  readonly generated: boolean
}

export interface ForeignKey {
  readonly columns: readonly string[]
  readonly schema: string | undefined
  readonly table: string
  /** Empty: the primary key. */
  readonly targets: readonly string[]
}

/** `schema.table`, or `table`. */
export function tableName({
  schema,
  name,
}: {
  readonly schema: string | undefined
  readonly name: string
}): string {
  return schema === undefined ? name : `${schema}.${name}`
}
