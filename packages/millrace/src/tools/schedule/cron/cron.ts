/** `salesforce`: exactly the dialect of `System.schedule`. `extended`: more than that, and five-field cron. */
export type CronMode = 'salesforce' | 'extended'

/** The years in which any expression fires (semantics SC-07). */
export const FIRST_YEAR = 1970
export const LAST_YEAR = 2099

/** Days of a month; a day fits when any part says so. A month without the day has none. */
export interface DayOfMonthRule {
  /** 1 to 31, ascending. */
  readonly days: readonly number[]
  /** `20W`: the weekday of the same month that is nearest to this day. */
  readonly nearestWeekdays: readonly number[]
  /** `L` */
  readonly last: boolean
  /** `LW` */
  readonly lastWeekday: boolean
}

/** Days of a week, Sunday is 0 whatever the text counts from; a day fits when any part says so. */
export interface DayOfWeekRule {
  /** 0 to 6, ascending. */
  readonly days: readonly number[]
  /** `2#1`: the first Monday of the month. */
  readonly nth: readonly { readonly day: number; readonly n: number }[]
  /** `2L`: the last Monday of the month. */
  readonly last: readonly number[]
}

/** A cron expression that was read and found right: plain data, all lists ascending and without repeats. */
export interface Cron {
  /** As given, with single blanks. */
  readonly text: string
  readonly mode: CronMode
  readonly seconds: readonly number[]
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  /** null: any day (`*` or `?`). */
  readonly dayOfMonth: DayOfMonthRule | null
  /** null: any day (`*` or `?`). */
  readonly dayOfWeek: DayOfWeekRule | null
  /** Whether one of the two day rules is enough. */
  readonly eitherDay: boolean
  /** 1 to 12. */
  readonly months: readonly number[]
  /** null: every year from {@link FIRST_YEAR} to {@link LAST_YEAR}. */
  readonly years: readonly number[] | null
}

/**
 * Whether it fires more than once an hour in every hour of its days. Such an expression means a distance rather than times of
 * day, and follows elapsed time when clocks are changed.
 */
export const isSteady = (cron: Cron): boolean =>
  cron.hours.length === 24 && cron.minutes.length * cron.seconds.length > 1
