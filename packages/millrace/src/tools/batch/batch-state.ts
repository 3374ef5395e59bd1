import { MillraceError } from '../../kernel/rules/errors.ts'
import { decode, encode } from '../codec.ts'
import type { BatchDefinition } from './define.ts'
import type { BatchData } from './rules.ts'

export const stateLimits = { maxBytes: 1_048_576, tooLarge: 'MILL_STATE_TOO_LARGE' } as const

type Kept = BatchData['state']

/** `ctx.state` as storage keeps it. Throws MILL_INPUT_UNSERIALIZABLE, MILL_STATE_TOO_LARGE. */
export function keep(state: unknown, { name }: Pick<BatchDefinition, 'name'>): Kept {
  return state === undefined ? null : encode(state, `state of batch ${name}`, stateLimits)
}

export function revive(kept: Kept): unknown {
  return kept === null ? undefined : decode(kept.json, kept.types)
}

/** What a chunk finds as its state: what the one before left or, where states are merged, the first one anew. */
export function stateOfChunk(definition: BatchDefinition, kept: Kept): unknown {
  return definition.merge === undefined ? revive(kept) : revive(keep(definition.state, definition))
}

/** What is kept once a chunk has left its state. */
export function total(
  definition: BatchDefinition,
  kept: Kept,
  left: unknown,
  { atOnce }: { readonly atOnce: boolean },
): Kept {
  const { merge, name } = definition
  if (merge !== undefined) return keep(merge(revive(kept) as never, left as never), definition)
  if (atOnce && left !== undefined)
    throw new MillraceError(
      'MILL_DEFINITION_INVALID',
      `a chunk of batch ${name} left a state, but chunks that run at once share none: give the batch a state and a merge`,
    )
  return atOnce ? kept : keep(left, definition)
}
