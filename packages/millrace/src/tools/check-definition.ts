import { parseDuration } from '../kernel/rules/duration.ts'
import { MillraceError, type ErrorCode } from '../kernel/rules/errors.ts'
import { checkPriority, checkQueue, checkTags } from '../kernel/rules/names.ts'
import { normalizeRetry } from '../kernel/rules/retry.ts'
import { describeValue } from '../kernel/rules/describe-value.ts'
import { windowOf } from '../kernel/rules/window.ts'
import { invalidOption } from '../kernel/rules/option-fields.ts'
import type { CommonOptions } from './definition.ts'

/** What the definitions of all tools are checked for. `where` names the definition. */

export function checkVersion(
  version: unknown,
  where: string,
  code: ErrorCode = 'MILL_DEFINITION_INVALID',
): void {
  if (!Number.isInteger(version) || (version as number) < 1 || (version as number) > 2_000_000_000)
    throw new MillraceError(code, `the version of ${where} must be a whole number from 1`)
}

export function checkSchema(input: unknown, where: string): void {
  if (input === undefined) return
  const schema: { readonly '~standard'?: { readonly validate?: unknown } } | null = input
  if (typeof schema?.['~standard']?.validate !== 'function') {
    throw new MillraceError(
      'MILL_DEFINITION_INVALID',
      `the input of ${where} is no Standard Schema (zod, valibot, arktype…)`,
    )
  }
}

export function checkCommon(common: CommonOptions<never>, where: string): void {
  if (common.queue !== undefined) checkQueue(common.queue, where)
  if (common.priority !== undefined) checkPriority(common.priority, where)
  if (common.tags !== undefined) checkTags(common.tags, where)
  if (common.retry !== undefined) normalizeRetry(common.retry, `retry of ${where}`)
  if (common.window !== undefined) windowOf(common.window, 'UTC', `window of ${where}`)
  if (common.onlyIn !== undefined) checkEnvironments(common.onlyIn, `onlyIn of ${where}`)
  for (const field of ['timeout', 'deadline'] as const) {
    const value = common[field]
    if (value !== undefined && parseDuration(value, `${field} of ${where}`) <= 0) {
      throw new MillraceError('MILL_DURATION_INVALID', `the ${field} of ${where} must be longer than nothing`)
    }
  }
}

/** Throws MILL_OPTIONS_INVALID. */
export function checkEnvironments(given: unknown, where: string): readonly string[] {
  if (Array.isArray(given) && given.length > 0 && given.every((one) => typeof one === 'string' && one !== ''))
    return given as readonly string[]
  throw invalidOption(where, `must be a list of environments; got ${describeValue(given)}`)
}
