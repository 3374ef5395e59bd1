import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FailureGroup } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { look } from '../session.ts'
import { paintStatus, statusText } from '../status.ts'
import { printTable } from '../table.ts'
import { plural, print, shortDuration, visible } from '../text.ts'
import { UsageError } from '../usage-error.ts'

export async function batchStatus(id: string, options: GlobalOptions): Promise<void> {
  const job = await look(options, (mill) => mill.jobs.get(id))
  const { progress } = job
  if (options.json) {
    printJson({ id, status: job.status, substatus: job.substatus, progress })
    return
  }
  print(`${job.name} ${paintStatus(job.status, statusText(job))}`)
  if (progress === null) {
    print('it has no progress: its start is not through yet, or it is no batch')
    return
  }
  const { processed, total, failed, setAside, chunks, totalChunks, errors, perSecond, timeLeft } = progress
  const of = (all: number | null): string => (all === null ? '' : ` of ${all}`)
  print(`records     ${processed}${of(total)} processed, ${failed} failed, ${setAside} set aside now`)
  print(`chunks      ${chunks}${of(totalChunks)}, ${plural(errors, 'error')}`)
  print(`rate        ${perSecond.toFixed(1)} records a second`)
  if (timeLeft !== null && job.finishedAt === null)
    print(`time left   ${shortDuration(timeLeft.fromMs)} to ${shortDuration(timeLeft.toMs)}`)
}

export async function batchFailed(
  id: string,
  options: GlobalOptions & { readonly export?: string | undefined },
): Promise<void> {
  const { json, export: file } = options
  await look(options, async (mill) => {
    if (file !== undefined) {
      const lines = Readable.from(mill.batches.exportFailed(id))
      if (file === '-') await pipeline(lines, process.stdout, { end: false })
      // A file that is there is not written over: somebody may have mended it.
      else await pipeline(lines, createWriteStream(file, { flags: 'wx' })).catch(refuseFile(file))
      return
    }
    const groups = await mill.batches.failures(id)
    if (json) printJson({ failures: groups })
    else if (groups.length === 0) print('nothing is set aside')
    else
      printTable<FailureGroup>(
        [
          { title: 'RECORDS', value: ({ records }) => String(records), right: true },
          { title: 'CHUNKS', value: ({ chunks }) => String(chunks), right: true },
          { title: 'CODE', value: ({ code, name }) => code ?? name ?? '' },
          { title: 'MESSAGE', value: ({ message }) => visible(message ?? '') },
        ],
        groups,
      )
  })
}

export async function batchRetry(
  id: string,
  options: GlobalOptions & { readonly import?: string | undefined },
): Promise<void> {
  const { json, import: file } = options
  const retry = await look(options, ({ batches }) => {
    if (file === undefined) return batches.retryFailed(id)
    const source = file === '-' ? process.stdin : createReadStream(file)
    return batches.importFailed(id, source as AsyncIterable<Uint8Array>).catch(refuseFile(file))
  })
  if (json) printJson({ id, retryId: retry.id })
  else print(`${id} is retried as ${retry.id}`)
}

/** What the file system says about it is a matter of the command line. */
function refuseFile(file: string): (error: unknown) => never {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new UsageError(`${file} is there already: it is not written over`)
    if (code === 'ENOENT') throw new UsageError(`there is no file or folder ${file}`)
    throw error
  }
}
