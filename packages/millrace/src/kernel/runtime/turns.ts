import type { Clock, Turns } from '../rules/clock.ts'

export const machineTurns: Turns = {
  soon: (call) => void setImmediate(call),
  now: () => performance.now(),
}

export function turnsOf(clock: Clock): Turns {
  return clock.turns ?? machineTurns
}
