import { describeValue } from './describe-value.ts'
import { MillraceError } from './errors.ts'

const release = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?$/

/**
 * Less than 0 when release `a` is older than `b`, 0 when they are the same, more than 0 when it is newer; by Semantic Versioning,
 * so that a pre-release is older than its release. Throws MILL_INTERNAL on anything else than `x.y.z`.
 */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = compareParts(left[i], right[i])
    if (difference !== 0) return difference
  }
  return 0
}

type Part = number | string

/** Three numbers and the parts of the pre-release; a full release has `~` there, which sorts above them all. */
function partsOf(text: string): readonly Part[] {
  const [, major, minor, patch, preRelease] = release.exec(text) ?? []
  if (major === undefined)
    throw new MillraceError('MILL_INTERNAL', `${describeValue(text)} is no release (x.y.z).`)
  const tail =
    preRelease === undefined
      ? ['~']
      : preRelease.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  return [Number(major), Number(minor), Number(patch), ...tail]
}

/** Numbers before texts, fewer parts before more. */
function compareParts(a: Part | undefined, b: Part | undefined): number {
  if (a === b) return 0
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : 1
  return typeof a === 'number' ? -1 : 1
}
