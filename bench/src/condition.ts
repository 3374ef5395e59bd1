import type { Contestant } from './contestant.ts'

/** A scenario that compares ours with ours: the same engine under another condition, which the scenario itself knows. */
export function condition(name: string, settings: string): Contestant {
  return {
    name,
    peer: null,
    variant: 'only',
    settings,
    guarantee: 'a database effect exactly once, with the fact that the job ran',
    keepsHistory: true,
    open: () => Promise.reject(new Error(`${name} is a condition of a scenario`)),
  }
}
