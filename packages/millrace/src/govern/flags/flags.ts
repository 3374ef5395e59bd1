import type { ContextPart } from '../../kernel/runtime/context-part.ts'

export interface FlagContext {
  readonly tenant: string
  readonly name: string
}

/** Answers whether a feature is on; undefined means: never heard of it. */
export type FlagSource = (
  flag: string,
  context: FlagContext,
) => boolean | undefined | Promise<boolean | undefined>

export interface Flags {
  /** An unknown flag is off, and so is one whose source throws. */
  isEnabled(flag: string): Promise<boolean>
}

/** `ctx.flags`, over the function given in the config. */
export function flagsPart(source: FlagSource | undefined): ContextPart<Flags> {
  return {
    name: 'flags',
    open: ({ lane }) => ({
      value: {
        async isEnabled(flag) {
          try {
            return (await source?.(flag, { tenant: lane.tenant, name: lane.name })) === true
          } catch {
            return false
          }
        },
      },
    }),
  }
}
