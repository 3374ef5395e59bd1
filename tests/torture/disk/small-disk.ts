import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { missingPart, temporaryDirectory } from '../../support/server-process.ts'

/** A file system of its own, which can be full. */
export interface SmallDisk {
  readonly path: string
  /** Not one byte is left for anybody. */
  fill(): void
  free(): void
  /** Nothing of it may be in use. */
  drop(): void
}

/** A tmpfs; `undefined` where nothing can be mounted (a failure on CI). It belongs to the user of the PostgreSQL servers. */
export function smallDisk(mebibytes: number): SmallDisk | undefined {
  const directory = temporaryDirectory('millrace-disk-')
  const { path } = directory
  const { uid, gid } = statSync(path)
  const options = `size=${mebibytes}m,mode=0700,uid=${uid},gid=${gid}`
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    directory.remove()
    missingPart(
      `Nothing can be mounted: the tests of full disks are skipped. They need root. ${String(error)}`,
    )
    return undefined
  }
  const filler = join(path, 'filler')
  return {
    path,
    fill: () => fillUp(filler),
    free: () => rmSync(filler, { force: true }),
    drop: () => {
      execFileSync('umount', [path], { stdio: 'pipe' })
      directory.remove()
    },
  }
}

function fillUp(filler: string): void {
  const file = openSync(filler, 'a')
  try {
    for (const bytes of [1 << 20, 1 << 12]) {
      const block = Buffer.alloc(bytes)
      while (writes(file, block));
    }
  } finally {
    closeSync(file)
  }
}

function writes(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) === block.length
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
