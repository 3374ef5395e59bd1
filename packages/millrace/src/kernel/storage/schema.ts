/** Numbered, expand-only migrations; safe when many processes start at once. */
export interface Schema {
  /** Applies what is missing, in order, under one lock; returns the numbers applied. */
  migrate(): Promise<readonly number[]>
  /**
   * Throws MILL_SCHEMA_MISSING when there are no tables or migrations are missing, MILL_RELEASE_TOO_OLD when
   * the database says that the oldest release allowed is newer than this one. Newer migrations alone are fine.
   */
  check(): Promise<void>
}
