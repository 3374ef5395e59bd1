/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string | undefined
  readonly storage?: string | undefined
  readonly json?: true | undefined
}
