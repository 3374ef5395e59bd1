import type { WorkerId } from '../rules/execution.ts'

export type PauseTarget =
  { readonly kind: 'all' } | { readonly kind: 'queue' | 'name' | 'tenant'; readonly value: string }

export interface Pause {
  readonly target: PauseTarget
  /** Epoch ms. */
  readonly since: number
  readonly by: string | null
}

/** Rows that steer: pauses, leaderships, settings. */
export interface Controls {
  /** true if it was not paused before. Wakes `config`. */
  pause(target: PauseTarget, by: string | null): Promise<boolean>
  resume(target: PauseTarget): Promise<boolean>
  pauses(): Promise<readonly Pause[]>
  /** Takes or keeps a leadership for ttlMs; false while another live holder has it. */
  takeTerm(name: string, worker: WorkerId, ttlMs: number): Promise<boolean>
  dropTerm(name: string, worker: WorkerId): Promise<void>
  setting(name: string): Promise<string | null>
  setSetting(name: string, value: string): Promise<void>
}
