import type { Outcome } from '../run.ts'
import { fullDisks } from './full-disk.ts'
import { postgresOnSmallDisks, sqliteOnSmallDisk } from './full-targets.ts'
import { powerCutImages } from './power-cut.ts'

/** Full disks between two full checks: after many SQLite's log has been written back, and needs no room for a while. */
const fullDisksPerRun = 4
/** Images of one recording. */
const imagesPerRecording = 300

export interface DiskFaults {
  readonly fullDisks: number
  readonly images: number
  /** Positive control: images with synchronous NORMAL that lost something acknowledged. */
  readonly lostByNormal: number
  readonly violations: number
  readonly failures: number
  readonly report: string
}

export async function diskFaults(
  kind: 'sqlite' | 'postgres',
  wanted: { readonly fullDisks: number; readonly images: number; readonly seed: number },
): Promise<DiskFaults> {
  const outcomes = await runFullDisks(kind, wanted)
  const cuts = await cutPowers(wanted)
  return {
    fullDisks: wanted.fullDisks,
    ...cuts,
    violations: cuts.violations + outcomes.reduce((sum, { violations }) => sum + violations.length, 0),
    failures: outcomes.reduce((sum, { failures }) => sum + failures.length, 0),
    report: [...outcomes.map(({ report }) => report), cuts.report].filter((text) => text !== '').join('\n'),
  }
}

async function runFullDisks(
  kind: 'sqlite' | 'postgres',
  wanted: { readonly fullDisks: number; readonly seed: number },
): Promise<readonly Outcome[]> {
  if (wanted.fullDisks === 0) return []
  const place = kind === 'sqlite' ? sqliteOnSmallDisk() : await postgresOnSmallDisks()
  if (place === undefined) throw new Error('there are no small disks')
  const outcomes: Outcome[] = []
  try {
    for (let left = wanted.fullDisks; left > 0; left -= fullDisksPerRun) {
      const options = { times: Math.min(left, fullDisksPerRun), seed: wanted.seed + left }
      outcomes.push(await fullDisks(await place.open(), place.disks, options))
    }
  } finally {
    await place.drop()
  }
  return outcomes
}

async function cutPowers({
  images,
  seed,
}: {
  readonly images: number
  readonly seed: number
}): Promise<Pick<DiskFaults, 'images' | 'lostByNormal' | 'violations' | 'report'>> {
  let [done, lostByNormal, violations] = [0, 0, 0]
  const reports: string[] = []
  for (; done < images; done += imagesPerRecording) {
    const some = { images: Math.min(images - done, imagesPerRecording), seed: seed + done }
    const full = await powerCutImages({ ...some, synchronous: 'FULL', resumed: 3 })
    const normal = await powerCutImages({ ...some, synchronous: 'NORMAL' })
    violations += full.wrong + normal.damaged
    lostByNormal += normal.wrong - normal.damaged
    if (full.report !== '') reports.push(full.report)
    if (normal.wrong === 0) throw new Error('NORMAL lost nothing: the images cannot show a loss')
  }
  return { images: Math.min(done, images), lostByNormal, violations, report: reports.join('\n') }
}
