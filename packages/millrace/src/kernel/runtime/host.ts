import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * This machine, this boot, and the world of process ids it has: two processes with the same identity can tell whether the
 * other lives. Not an identity of a worker (R4): that is its number.
 */
export function hostIdentity(): string {
  const parts = [hostname()]
  try {
    parts.push(
      readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      readlinkSync('/proc/self/ns/pid'),
    )
  } catch {
    // Elsewhere than on Linux the name must do.
  }
  return parts.join(' ')
}

/** Whether a process of this machine is there; an id that was given to another process reads as alive. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
