import { existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingPart } from '../../support/server-process.ts'
import type { Launch } from '../workload-process.ts'

/** The wall clock of a machine of its own, for the processes started with it. Their monotonic clock is the true one. */
export interface WallClock {
  readonly launch: Launch
  /** It is so many ms before (or, negative, behind) the true one from now on. */
  set(offsetMs: number): void
  drop(): void
}

/** By libfaketime; `undefined` where it is not installed (a failure on CI). */
export function wallClock(): WallClock | undefined {
  const library = globSync('/usr/lib/**/faketime/libfaketimeMT.so.1').find((path) => existsSync(path))
  if (library === undefined) {
    missingPart('No libfaketime: the tests of clock jumps are skipped. Debian: apt-get install faketime.')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-clock-'))
  const file = join(folder, 'offset')
  const set = (offsetMs: number): void =>
    writeFileSync(file, `${offsetMs < 0 ? '-' : '+'}${Math.abs(offsetMs) / 1000}s\n`)
  set(0)
  return {
    launch: {
      env: {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        FAKETIME_NO_CACHE: '1',
      },
    },
    set,
    drop: () => rmSync(folder, { recursive: true, force: true }),
  }
}
