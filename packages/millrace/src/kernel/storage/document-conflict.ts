import { MillraceError } from '../rules/errors.ts'

/** Two editors of one document: the second has not seen what the first wrote. `found`: its newest version, if it has any. */
export function documentConflict(
  key: { readonly kind: string; readonly name: string; readonly tenant: string | null },
  expected: number | null,
  found: { readonly version: number; readonly removed: boolean } | undefined,
): MillraceError {
  const { kind, name, tenant } = key
  const state =
    found === undefined
      ? 'there is none'
      : found.removed
        ? `it was removed by version ${found.version}`
        : `the newest is version ${found.version}`
  const wanted = expected === null ? 'a new one was to be made' : `version ${expected} was to be followed`
  return new MillraceError('MILL_DOCUMENT_CONFLICT', `${kind} ${name}: ${wanted}, but ${state}.`, {
    data: { kind, name, tenant, expected, version: found?.version ?? null, removed: found?.removed ?? false },
  })
}
