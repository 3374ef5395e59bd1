import { describeValue } from './describe-value.ts'
import { MillraceError } from './errors.ts'
import { invalidOption } from './option-fields.ts'
import { checkStorable } from './text.ts'

export const DEFAULT_TENANT = 'default'
export const DEFAULT_QUEUE = 'default'
/** In the middle of 0 (first) and 9 (last). */
export const DEFAULT_PRIORITY = 5
const maxTags = 20
const maxTagLength = 100

/** A definition's name: a letter, then letters, digits, `_`, `-`; at most 80. Throws MILL_NAME_INVALID. */
export function checkDefinitionName(name: unknown, where: string): string {
  const rule = 'a letter, then letters, digits, "_" or "-", at most 80 characters'
  return checkName(
    name,
    /^[A-Za-z][A-Za-z0-9_-]{0,79}$/,
    `${where}: the name of a definition must be ${rule}`,
  )
}

/** A tenant: 1 to 100 of letters, digits and `. _ - : @ /`; absent = {@link DEFAULT_TENANT}. Throws MILL_NAME_INVALID. */
export function checkTenant(tenant: unknown, where: string): string {
  return tenant === undefined ? DEFAULT_TENANT : checkLaneName(tenant, `${where}: a tenant`)
}

/** A queue: as a tenant; absent = {@link DEFAULT_QUEUE}. Throws MILL_NAME_INVALID. */
export function checkQueue(queue: unknown, where: string): string {
  return queue === undefined ? DEFAULT_QUEUE : checkLaneName(queue, `${where}: a queue`)
}

function checkLaneName(name: unknown, what: string): string {
  const rule = 'must be 1 to 100 letters, digits and any of . _ - : @ /'
  return checkName(name, /^[A-Za-z0-9._\-:@/]{1,100}$/, `${what} ${rule}`)
}

function checkName(name: unknown, pattern: RegExp, rule: string): string {
  if (typeof name === 'string' && pattern.test(name)) return name
  throw new MillraceError('MILL_NAME_INVALID', `${rule}; got ${describeValue(name)}.`)
}

/** 0 (first) to 9 (last); absent = {@link DEFAULT_PRIORITY}. Throws MILL_PRIORITY_INVALID (semantics Q-15). */
export function checkPriority(priority: unknown, where: string): number {
  if (priority === undefined) return DEFAULT_PRIORITY
  if (typeof priority === 'number' && Number.isInteger(priority) && priority >= 0 && priority <= 9) {
    return priority + 0 // no -0
  }
  throw new MillraceError(
    'MILL_PRIORITY_INVALID',
    `${where}: priority must be a whole number from 0 (first) to 9 (last); got ${describeValue(priority)}.`,
  )
}

/**
 * At most 20 tags of 1 to 100 characters each, without repeats, in the order given; absent = none. Throws
 * MILL_OPTIONS_INVALID, or MILL_TEXT_UNSTORABLE.
 */
export function checkTags(tags: unknown, where: string): readonly string[] {
  if (tags === undefined) return []
  if (!Array.isArray(tags))
    throw invalidOption(where, `tags must be a list of texts; got ${describeValue(tags)}`)
  const unique = [...new Set(tags.map((tag: unknown, index) => checkTag(tag, `${where} tags[${index}]`)))]
  if (unique.length > maxTags)
    throw invalidOption(where, `has ${unique.length} tags; at most ${maxTags} are kept`)
  return unique
}

function checkTag(tag: unknown, where: string): string {
  if (typeof tag !== 'string' || tag.length < 1 || tag.length > maxTagLength) {
    throw invalidOption(where, `must be a text of 1 to ${maxTagLength} characters; got ${describeValue(tag)}`)
  }
  return checkStorable(tag, where)
}
