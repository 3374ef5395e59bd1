import type { ObjectInfo } from '../object/schema.ts'

/**
 * How Millrace's own statements that write to an object begin on PostgreSQL. Its generated triggers know them by that, without a setting
 * that would have to be set and taken back around each, and that other statements at the same time would run under.
 */
export function ownWrite({ name }: ObjectInfo): string {
  return `/* millrace: ${name} */ `
}
