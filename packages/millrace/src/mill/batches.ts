import { MillraceError } from '../kernel/rules/errors.ts'
import { invalidOption, optionFields } from '../kernel/rules/option-fields.ts'
import type { StoredError } from '../kernel/rules/outcome.ts'
import type { Aside } from '../kernel/storage/states.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { StorageTransaction } from '../kernel/storage/transaction.ts'
import { setAsideOf } from '../tools/batch/asides.ts'
import { demandRoomBeside } from './beside.ts'
import { asidesOfJob, failedCsv, importFailed, type CsvSource } from './failed-files.ts'
import { asidesOf, recordOf, type Jobs } from './jobs.ts'

/** Records of one chunk that were set aside together. */
export interface FailedRecords {
  /** Within the job. */
  readonly number: number
  /** The chunk that failed last. */
  readonly chunk: number
  /** Ids where the batch goes over a query and not by range, else null. */
  readonly ids: readonly (string | number)[] | null
  /** Of a batch by range, as it was `ctx.range`, else null. */
  readonly range: { readonly after: string | number | null; readonly upTo: string | number } | null
  /** The records themselves where its start brought them along, else null. */
  readonly records: readonly object[] | null
  readonly count: number
  readonly error: StoredError | null
  /** How often they were given up. */
  readonly tries: number
  /** The job that tries them again, or was to; null: none. */
  readonly retryJobId: string | null
  readonly at: Date
}

/** Records that were set aside for one reason. */
export interface FailureGroup {
  /** Of the error, where it has one. */
  readonly code: string | null
  /** Its class. */
  readonly name: string | null
  readonly message: string | null
  /** Sets of records that were set aside together. */
  readonly chunks: number
  readonly records: number
}

export interface FailedOptions {
  /** The `next` of the page before. */
  readonly from?: number
  /** At most 1,000; default 100. */
  readonly limit?: number
}

const longestPage = 1_000

/** What batches have set aside: looking at it, and trying it again. */
export class Batches {
  readonly #storage: Storage
  readonly #jobs: Jobs
  readonly #begin: () => Promise<StorageTransaction>

  constructor(storage: Storage, jobs: Jobs, begin: () => Promise<StorageTransaction>) {
    this.#storage = storage
    this.#jobs = jobs
    this.#begin = begin
  }

  /**
   * What is set aside of a batch, in order; also of a job that tried records of another again: then what is left of those. Empty when all is done.
   * Throws MILL_JOB_UNKNOWN.
   */
  async failed(
    jobId: string,
    options: FailedOptions = {},
  ): Promise<{ readonly failed: readonly FailedRecords[]; readonly next: number | null }> {
    optionFields(options, ['from', 'limit'], 'batches.failed')
    const { from = 0, limit = 100 } = options
    if (!Number.isInteger(from) || from < 0) throw invalidOption('from', 'must be a whole number from 0')
    if (!Number.isInteger(limit) || limit < 1 || limit > longestPage)
      throw invalidOption('limit', `must be a whole number from 1 to ${longestPage}`)
    const job = asidesOf(await recordOf(this.#storage, jobId))
    const asides = await this.#storage.states.asides(job, { from, limit: limit + 1 })
    const page = asides.slice(0, limit)
    const next = asides.length > limit ? (asides[limit]?.number ?? null) : null
    return { failed: page.map(failedRecords), next }
  }

  /**
   * What is set aside, by reason: records with the same code, class and message together, most records first. Throws MILL_JOB_UNKNOWN.
   */
  async failures(jobId: string): Promise<readonly FailureGroup[]> {
    const groups = new Map<string, FailureGroup>()
    for await (const { error, count } of asidesOfJob(this.#storage.states, await this.#originOf(jobId))) {
      const { code = null, name = null, message = null } = error ?? {}
      const key = JSON.stringify([code, name, message])
      const { chunks = 0, records = 0 } = groups.get(key) ?? {}
      groups.set(key, { code, name, message, chunks: chunks + 1, records: records + count })
    }
    return [...groups.values()].sort((a, b) => b.records - a.records)
  }

  /**
   * The same as a CSV file (RFC 4180, UTF-8), in pieces as it is read: a line for each record, with its reason; one for all records of a range. The
   * column `_record` says which one it is. Texts that a spreadsheet would take for a formula have an apostrophe in front. Throws MILL_JOB_UNKNOWN.
   */
  async *exportFailed(jobId: string): AsyncGenerator<string> {
    yield* failedCsv(this.#storage.states, await this.#originOf(jobId))
  }

  /**
   * As `retryFailed`, for the records that the file names and no others: one of `exportFailed`, from which lines were taken out and in which values
   * were mended. A mended value takes the place of the one of the record, where the batch's start brought its records along; for queries the id decides,
   * and is not to be changed. The file is held in memory. Throws MILL_BATCH_CSV_INVALID with every line that is wrong, before anything is written;
   * MILL_JOB_UNKNOWN, MILL_FLEX_QUEUE_FULL.
   */
  async importFailed(jobId: string, csv: CsvSource): Promise<{ readonly id: string }> {
    const record = await recordOf(this.#storage, jobId)
    demandRoomBeside(this.#storage.kind, `the import for ${jobId}`)
    const job = this.#jobs.repeatOfAsides(record)
    await importFailed(this.#storage.states, () => this.#begin(), { origin: asidesOf(record), job, csv })
    return { id: job.id }
  }

  async #originOf(jobId: string): Promise<string> {
    return asidesOf(await recordOf(this.#storage, jobId))
  }

  /**
   * Enqueues a job of the same batch that runs `execute` for exactly the records that are set aside, then `finish`; what it applies is no longer
   * set aside, what fails again stays so. Two of them at once share nothing. Throws MILL_JOB_UNKNOWN, MILL_BATCH_NOTHING_FAILED.
   */
  async retryFailed(jobId: string): Promise<{ readonly id: string }> {
    const asked = await recordOf(this.#storage, jobId)
    const batch = asked.options?.partOf
    const record = batch === undefined ? asked : await recordOf(this.#storage, batch)
    const [first] = await this.#storage.states.asides(asidesOf(record), { from: 0, limit: 1 })
    if (first === undefined)
      throw new MillraceError(
        'MILL_BATCH_NOTHING_FAILED',
        `job ${jobId} has no records that were set aside`,
        {
          data: { jobId },
        },
      )
    return this.#jobs.retryAsides(record)
  }
}

function failedRecords({ number, seq, records, count, error, tries, by, at }: Aside): FailedRecords {
  const aside = setAsideOf(records)
  return {
    ...{ number, chunk: seq, count, error, tries, retryJobId: by },
    ids: aside.kind === 'ids' ? aside.ids : null,
    range: aside.kind === 'range' ? aside.range : null,
    records: aside.kind === 'records' ? aside.records : null,
    at: new Date(at),
  }
}
