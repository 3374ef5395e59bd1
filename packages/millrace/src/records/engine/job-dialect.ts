/** How one database says what jobs are made of. */
export interface JobDialect {
  readonly table: (name: string) => string
  /** Joins the job `j` of an id. */
  withJob(id: string): string
  /** How lanes are joined where rows are to be read in the order of ids. */
  walked: string
  hasNoEnd(id: string): string
  /** Epoch ms of a job's id. */
  createdAt(id: string): string
  /** Epoch ms of a column with an instant. */
  instant(column: string): string
  /** Text of a field of the JSON in a column, at most 255 characters. */
  textOf(json: string, field: string): string
  /** The schedule of the fire in a job's options; null: it is no schedule's. */
  fireOf(options: string): string
  /** An id or a text of our own as a literal. */
  id(id: string): string
  text(text: string): string
  /** Jobs with a row of seq >= 0 in a lease that is not settled, started or in any way. Few. */
  leased(started: boolean): string
  /** Jobs in leases in whatever way; may name some that have ended since. */
  inLeases: string
  /** Some worker lives, and none that lives knows the lane. */
  unknownLane: string
}
