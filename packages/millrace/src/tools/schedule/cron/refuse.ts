import { describeValue } from '../../../kernel/rules/describe-value.ts'
import { MillraceError } from '../../../kernel/rules/errors.ts'

/** A part of an expression that broke a rule, before the expression as a whole is known. */
export interface Breach {
  /** The field, or `day of month and day of week`, or `expression`. */
  readonly field: string
  /** What stands there. */
  readonly value: unknown
  /** What holds there, as a sentence without a full stop. */
  readonly rule: string
  /** What to write instead, as a sentence without a full stop. */
  readonly instead: string
}

/** MILL_CRON_INVALID, with the breach as its `data`. */
export function refused(text: unknown, breach: Breach): MillraceError {
  const place = breach.field === 'expression' ? '' : `, ${breach.field} ${describeValue(breach.value, 60)}`
  return new MillraceError(
    'MILL_CRON_INVALID',
    `Cron expression ${describeValue(text, 120)}${place}: ${breach.rule}. ${breach.instead}.`,
    { data: { ...breach, value: typeof breach.value === 'string' ? breach.value.slice(0, 255) : null } },
  )
}

/** Thrown by the parsers of fields, turned into {@link refused} by who knows the whole text. */
export class BreachError extends Error {
  readonly breach: Breach
  constructor(breach: Breach) {
    super(breach.rule)
    this.breach = breach
  }
}
