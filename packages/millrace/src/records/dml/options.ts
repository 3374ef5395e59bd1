import { choiceOf, invalidOption, optionFields } from '../../kernel/rules/option-fields.ts'

export interface DmlOptions {
  /**
   * Default true, as for a DML statement of Apex: when one row fails, nothing of the call stays and it throws MILL_DML_FAILED. false: the
   * good rows are written, the answer says which failed and why.
   */
  readonly allOrNone?: boolean
  /** Whether the rights of the caller count; default: `system`. */
  readonly mode?: 'system' | 'user'
}

export interface UpsertOptions extends DmlOptions {
  /** Field by which records are found; default: the id. It must be `unique`, `externalId` or the id. */
  readonly by?: string
}

export interface CheckedOptions {
  readonly allOrNone: boolean
  readonly mode: 'system' | 'user'
}

/** Throws MILL_OPTIONS_INVALID. */
export function checkOptions(
  given: UpsertOptions,
  where: string,
  known: readonly (keyof UpsertOptions)[] = ['allOrNone', 'mode'],
): CheckedOptions {
  const options = optionFields(given, known, where)
  const { allOrNone = true } = options
  if (typeof allOrNone !== 'boolean') throw invalidOption(where, 'allOrNone must be true or false')
  return { allOrNone, mode: choiceOf(options.mode, ['system', 'user'], 'system', `mode of ${where}`) }
}
