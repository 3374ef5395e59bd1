import { MillraceError } from '../kernel/rules/errors.ts'
import type { JobId } from '../kernel/rules/execution.ts'
import type { NewJob } from '../kernel/storage/jobs.ts'
import type { Aside, StateAccess } from '../kernel/storage/states.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import { csvInvalid, csvLine, parseCsv, textOfCsv } from '../tools/batch/csv.ts'
import {
  gatherColumns,
  headerOf,
  readFailedFile,
  rowsOf,
  splitAside,
  type Chosen,
} from '../tools/batch/failed-file.ts'

export type CsvSource = string | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>

/** Those set aside in one look: each may hold 10,000 records. */
const pageSize = 20

/** What is set aside of a job, page by page, as it is when it is read. */
export async function* asidesOfJob(states: StateAccess, job: JobId): AsyncGenerator<Aside> {
  for (let from = 0; ;) {
    const page = await states.asides(job, { from, limit: pageSize })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < pageSize) return
    from = last.number + 1
  }
}

/** Read twice: the columns of all records are named in the first line. */
export async function* failedCsv(states: StateAccess, job: JobId): AsyncGenerator<string> {
  const columns = new Set<string>()
  for await (const aside of asidesOfJob(states, job)) gatherColumns(aside, columns)
  yield csvLine(headerOf(columns))
  for await (const aside of asidesOfJob(states, job)) yield rowsOf(aside, columns).map(csvLine).join('')
}

export interface Import {
  /** Under which the records are set aside. */
  readonly origin: JobId
  /** The job that is to try them again. */
  readonly job: NewJob
  readonly csv: CsvSource
}

/**
 * Gives the records of the file to the job, with the values of the file, and enqueues it: all in the transaction, or none. What was set aside together
 * with them stays as it is. Throws MILL_BATCH_CSV_INVALID before anything is written.
 */
export async function importFailed(
  states: StateAccess,
  begin: () => Promise<StorageTransaction>,
  { origin, job, csv }: Import,
): Promise<void> {
  const text = await textOfCsv(csv)
  const open = await asidesNamed(states, origin, text)
  // Checked before the transaction begins, which on SQLite holds up all others.
  const chosen = readFailedFile(text, open)
  const parts = chosen.map((one) => ({ one, ...splitAside(asideOf(open, one), one, `job ${origin}`) }))
  const transaction = await begin()
  try {
    const inside = transaction.states
    await inside.takeAsides(
      origin,
      job.id,
      chosen.map(({ number }) => number),
    )
    for (const { one, chosen: part, rest } of parts) {
      const before = asideOf(open, one)
      const [taken] = await inside.asides(origin, { from: one.number, limit: 1, by: job.id })
      if (taken?.number !== one.number || taken.records !== before.records) throw takenMeanwhile(one.number)
      const { seq, error, tries } = before
      await inside.replaceAside(origin, one.number, { ...part, seq, error, tries, by: job.id })
      if (rest !== null) await inside.addAsides(origin, [{ ...rest, seq, error, tries, by: null }])
    }
    await transaction.enqueue([job])
    await transaction.commit()
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

function takenMeanwhile(number: number): MillraceError {
  return csvInvalid([
    { line: 1, message: `the records ${number}/… are being tried again, or have changed meanwhile` },
  ])
}

/** Only those that the file names: memory holds no others. */
async function asidesNamed(
  states: StateAccess,
  origin: JobId,
  text: string,
): Promise<ReadonlyMap<number, Aside>> {
  const named = new Set<number>()
  const { records } = parseCsv(text)
  const at = records[0]?.cells.indexOf('_record') ?? -1
  for (const { cells } of records.slice(1)) {
    const number = /^(\d{1,9})\//.exec(cells[at] ?? '')?.[1]
    if (number !== undefined) named.add(Number(number))
  }
  const open = new Map<number, Aside>()
  for (const number of named) {
    const [aside] = await states.asides(origin, { from: number, limit: 1 })
    if (aside?.number === number) open.set(number, aside)
  }
  return open
}

function asideOf(open: ReadonlyMap<number, Aside>, { number }: Chosen): Aside {
  const aside = open.get(number)
  if (aside === undefined) throw new MillraceError('MILL_INTERNAL', `nothing is set aside as ${number}`)
  return aside
}
