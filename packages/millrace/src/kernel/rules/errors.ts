/** What the registry says of one code. `docs/errors.md` is checked against it both ways. */
export interface ErrorEntry {
  /** One line: what it means. */
  readonly meaning: string
  /** One line: what to do. */
  readonly fix: string
  /** Whether trying the same call again can help. */
  readonly retryable: boolean
}

const entry = (meaning: string, fix: string, retryable = false): ErrorEntry => ({ meaning, fix, retryable })

/** Every code Millrace throws or stores. Codes are public API: never renamed, never reused. */
export const errorRegistry = {
  // definitions and input
  MILL_DEFINITION_INVALID: entry(
    'A definition has a bad or missing field.',
    'Mend the field the message names.',
  ),
  MILL_DEFINITION_DUPLICATE: entry(
    'Two definitions have one name.',
    'Rename one of them: names are unique across all tools.',
  ),
  MILL_OBJECT_INVALID: entry(
    'The definition of an object has a bad field.',
    'Mend the field the message names.',
  ),
  MILL_ROLE_INVALID: entry(
    'The definition of a role has a bad field, or names an object or field that is not there.',
    'Mend what the message names.',
  ),
  MILL_OBJECT_UNKNOWN: entry(
    'No object of this name is defined here.',
    'Correct the name (the message tells the nearest one), or add the object to `definitions` of the config.',
  ),
  MILL_FIELD_UNKNOWN: entry(
    'The object has no field or relationship of this name.',
    'Correct the name; the message tells the nearest one.',
  ),
  MILL_QUERY_INVALID: entry(
    'The query asks for something that its fields or clauses do not allow.',
    'Correct the place that the message and `data` name.',
  ),
  MILL_SOQL_SYNTAX: entry(
    'SOQL text cannot be read.',
    'Mend it where the message says; `data` has line, column and what was expected.',
  ),
  MILL_SOQL_UNSUPPORTED: entry(
    'The query uses a part of SOQL that Millrace does not support.',
    'Write it another way; the message tells why, and the SOQL page lists what is supported.',
  ),
  MILL_BIND_MISSING: entry(
    'The query names a bind variable that was not given.',
    'Pass a value under that name with the query.',
  ),
  MILL_ACCESS_DENIED: entry(
    'The roles of the caller do not give this right on the object or field.',
    'Ask for less, run as somebody else, or extend a role.',
  ),
  MILL_DEFINITION_UNKNOWN: entry(
    'No definition of this name is loaded here.',
    'Add it to `definitions` of the config, or correct the name.',
  ),
  MILL_CONFIG_INVALID: entry('The configuration has a bad field.', 'Mend the field the message names.'),
  MILL_INPUT_INVALID: entry(
    'The input does not fit the schema of the definition.',
    'Correct the input; `data.issues` lists path and message of each problem.',
  ),
  MILL_INPUT_UNSERIALIZABLE: entry(
    'The input or result cannot be stored and read back unchanged.',
    'Pass plain data, Date, BigInt, Map, Set, RegExp, URL or typed arrays; not functions, symbols or class instances.',
  ),
  MILL_TEXT_UNSTORABLE: entry(
    'A text has a NUL character or a lone surrogate, which not every database can hold.',
    'Clean the text, or encode it (for example as base64).',
  ),
  MILL_PAYLOAD_TOO_LARGE: entry(
    'The payload is larger than the limit (1 MiB unless configured).',
    'Store the data elsewhere and pass a reference.',
  ),
  MILL_RESULT_TOO_LARGE: entry(
    'The result is larger than the limit (1 MiB unless configured).',
    'Store the data elsewhere and return a reference.',
  ),
  MILL_STATE_TOO_LARGE: entry(
    'The state that a batch or a pipeline carries from execution to execution is larger than 1 MiB.',
    'Keep totals in the state, and write what belongs to single records to the database.',
  ),
  MILL_PIPELINE_STEP_INVALID: entry(
    'A step of a pipeline has a bad or missing field, or its name twice.',
    'Mend the field the message names.',
  ),
  MILL_PIPELINE_STEP_UNKNOWN: entry(
    'The pipeline has no step of this name.',
    'Correct the name; the message lists those it started with.',
  ),
  MILL_PIPELINE_STEP_GONE: entry(
    'A running pipeline needs a step that its definition no longer has.',
    'Deploy the step again and `millrace pipelines retry <id>`, or skip it. Raise `version` where steps change.',
  ),
  MILL_PIPELINE_STEP_CHANGED: entry(
    'A running pipeline is in the middle of a step that is of another kind now.',
    'Deploy the step as it was, or `millrace pipelines restart <id> --from <step>`. Raise `version` where steps change.',
  ),
  MILL_PIPELINE_STEP_RUNNING: entry(
    'A step of the pipeline runs at this moment.',
    'Pause the pipeline, wait until its step has ended, and try again.',
    true,
  ),
  MILL_PIPELINE_NO_PROGRESS: entry(
    'A step asked to be restarted although nothing is other than before, or its cursor does not move.',
    'Let shouldRestart answer false in the end, change the state or the database, or ask for a delay.',
  ),
  MILL_PIPELINE_RESTARTS_EXCEEDED: entry(
    'A step was restarted more often than its `maxRestarts`.',
    'Find out why it does not come to its end, or raise `maxRestarts`.',
  ),
  MILL_PIPELINE_OPEN_INVALID: entry(
    'The open of a cursor step gave no query.',
    'Return a query of ctx.records or ctx.soql, in an async open as `{ query }`.',
  ),
  MILL_PIPELINE_MOVE_INVALID: entry(
    'The pipeline is in no state in which this can be done to it.',
    'Look at `mill.pipelines.status(id)`; the message tells what would be possible.',
  ),
  MILL_PIPELINE_CONTINUED: entry(
    'Another job goes on with this pipeline already.',
    '`data.jobId` is that job.',
  ),
  MILL_PIPELINE_TIMED_OUT: entry(
    'Nobody gave the signal or the approval that a step waited for within its timeout.',
    'Retry the pipeline: the step asks anew; or say by `onTimeout` how it goes on.',
  ),
  MILL_PIPELINE_REJECTED: entry(
    'An approval step was rejected.',
    '`data.by` has who did; a retry of the pipeline asks anew, and `onReject` lets it go on.',
  ),
  MILL_PIPELINE_CHILD_FAILED: entry(
    'The job that a step ran did not complete.',
    'The cause is its error, `data.jobId` the job; a retry of the pipeline runs another one.',
  ),
  MILL_PIPELINE_NOT_WAITING: entry(
    'The step does not wait for an answer yet.',
    'Send it again when the step waits: `waitsFor` of `mill.pipelines.status(id)` says so.',
    true,
  ),
  MILL_PIPELINE_TOKEN_UNKNOWN: entry(
    'No step of a pipeline has asked with this token, or it was begun anew since.',
    'Take the token whole, from the notify of the step or from `waitsFor` of `mill.pipelines.status(id)`.',
  ),
  MILL_PIPELINE_TOKEN_USED: entry(
    'Somebody has approved or rejected with this token.',
    'Look at `mill.pipelines.status(id)`; a token is good once.',
  ),
  MILL_PIPELINE_TOKEN_EXPIRED: entry(
    'The step of this token no longer waits: it timed out, was passed over, or its pipeline ended.',
    'Look at `mill.pipelines.status(id)`; a step that asks anew has another token.',
  ),
  MILL_CALLOUT_FAILED: entry(
    'The other system answered that it cannot serve the call just now.',
    'It is tried again by the retry policy; `data.status` has the status.',
    true,
  ),
  MILL_CALLOUT_REFUSED: entry(
    'The other system refused the call.',
    'Correct the call; `data.status` has the status.',
  ),
  MILL_BATCH_START_INVALID: entry(
    'The start of a batch gave nothing that can be worked through.',
    'Return a query of ctx.records or ctx.soql (in an async start as `{ query }`), rows of ctx.sqlBy, or an iterable of records.',
  ),
  MILL_BATCH_CHUNK_FAILED: entry(
    'A chunk of a batch failed for good: its records were set aside, the batch goes on.',
    'Look at `mill.batches.failed(jobId)`, mend the cause, then `mill.batches.retryFailed(jobId)`.',
  ),
  MILL_BATCH_NOTHING_FAILED: entry(
    'The batch has no records that were set aside.',
    'Nothing is to be tried again; `mill.batches.failed(jobId)` tells what is.',
  ),
  MILL_BATCH_CSV_INVALID: entry(
    'A file of failed records cannot be taken; nothing was changed.',
    'Mend the lines that `data.problems` names, or export it anew.',
  ),
  MILL_NAME_INVALID: entry('A name breaks its rule.', 'Use the form the message states.'),
  MILL_PRIORITY_INVALID: entry(
    'The priority is not a whole number from 0 (first) to 9 (last).',
    'Pass 0 to 9; the default is 5.',
  ),
  MILL_DURATION_INVALID: entry(
    'A duration cannot be read, is negative, or is absurdly long.',
    "Write it as '10 minutes', '1.5 hours', '2 days'; at most 100 years.",
  ),
  MILL_RUN_AT_INVALID: entry(
    'runAt is not a valid instant, or is out of range.',
    'Pass a Date or an ISO 8601 text with zone, within 100 years; not together with delay.',
  ),
  MILL_OPTIONS_INVALID: entry(
    'An option has a value it cannot have, or does not exist.',
    'Mend the option the message names.',
  ),
  MILL_DUPLICATE: entry(
    'A job with the same unique key is already there.',
    "Expected with on: 'throw'; `data.jobId` is the other job. Use on: 'return' to get it instead.",
  ),
  MILL_FLEX_QUEUE_FULL: entry(
    'The flex queue of the tenant holds as many batches as it may.',
    'Wait until some have started, abort what is not needed, or raise `flexQueue.holding` in the configuration.',
    true,
  ),
  MILL_FLEX_QUEUE_FILLING: entry(
    'Four fifths of the batches that a flex queue may hold are Holding: the log says so once for each rise.',
    'Look at `mill.flexQueue.list()`; what comes beyond the bound is refused.',
  ),
  MILL_FLEX_QUEUE_BUSY: entry(
    'A transaction that enqueued a batch is still open and holds the flex queue of its tenant.',
    'Try again; keep transactions that enqueue batches short.',
    true,
  ),
  MILL_JOB_NOT_HOLDING: entry(
    'The job is not Holding, so it has no place in the flex queue.',
    'Look at `mill.flexQueue.list()`: what has started or ended cannot be moved.',
  ),
  MILL_UNIQUE_BUSY: entry(
    'Another transaction holds the unique key and did not end in time.',
    'Try again.',
    true,
  ),
  MILL_DEPTH_EXCEEDED: entry(
    'The chain of jobs is deeper than its maximum.',
    'Stop the recursion, or raise maxDepth where the chain starts.',
  ),
  // executions
  MILL_HANDLER_THREW: entry(
    'A handler threw something that is not an Error.',
    'Throw Error objects: they carry a stack and a code.',
  ),
  MILL_TIMEOUT: entry(
    'An attempt ran longer than its timeout.',
    'Make it shorter, heed ctx.signal, or raise `timeout`.',
    true,
  ),
  MILL_DEADLINE_EXCEEDED: entry(
    'The total deadline of the job passed.',
    'Raise `deadline`, or find out why it waited (`millrace jobs show`).',
  ),
  MILL_PROCESS_LOST: entry(
    'The process that ran the attempt died or lost its lease.',
    'Look for a crash, a kill or a blocked event loop at that time on that worker.',
    true,
  ),
  MILL_PARKED: entry(
    'The job lost its process several times and was parked.',
    'Find out why it kills its process, then `millrace jobs retry <id>`.',
  ),
  MILL_ABORTED: entry('The job was aborted.', 'Nothing, if it was meant.'),
  MILL_FENCED: entry(
    'The worker lost its lease, so this attempt cannot commit any more.',
    'Nothing: another worker has the job. If it is frequent, look for a blocked event loop.',
  ),
  MILL_CONTEXT_CLOSED: entry(
    'A context was used after its attempt had ended.',
    'Await everything the handler starts before it returns.',
  ),
  MILL_CALLOUT_AFTER_WRITE: entry(
    'A callout was made while the transaction had uncommitted writes.',
    'Do callouts first, or enqueue a job that does them.',
  ),
  // records
  MILL_DML_FAILED: entry(
    'A row of a DML call failed, and nothing of the call was kept.',
    '`data.results` says which rows and why. Mend them, or pass `allOrNone: false` to keep the good ones.',
  ),
  MILL_OBJECT_READ_ONLY: entry(
    'The object is read-only.',
    'Write to its table by SQL if that is meant, or define the object without `readOnly`.',
  ),
  MILL_TRIGGER_INVALID: entry(
    'The definition of a trigger has a bad field.',
    'Mend the field the message names.',
  ),
  MILL_TRIGGER_DEPTH: entry(
    'Triggers called each other more than 16 deep.',
    'Change records in a trigger only where they are not yet as they should be.',
  ),
  // transactions
  MILL_TRANSACTION_STATEMENT: entry(
    'A statement tried to begin, commit or roll back by hand.',
    'Leave that to Millrace: a handler commits by returning and rolls back by throwing.',
  ),
  MILL_TRANSACTION_LOST: entry(
    'The database rolled the transaction back.',
    'Look at the cause; a swallowed database error also does this on PostgreSQL.',
    true,
  ),
  MILL_COMMIT_UNKNOWN: entry(
    'The connection went away while COMMIT was under way.',
    'Check whether the effect is there before repeating it.',
  ),
  MILL_WRITE_TIMEOUT: entry(
    'A SQLite write transaction was open for too long.',
    'Do slow things before the first write, or raise `writeTimeout`.',
    true,
  ),
  MILL_SQL_INVALID: entry(
    'A SQL template has a value that cannot be a parameter.',
    'Pass text, numbers, bigint, boolean, Date, Uint8Array, null or an array of these.',
  ),
  MILL_NOT_ON_SQLITE: entry('This needs PostgreSQL.', 'Use mill.transaction on SQLite.'),
  // storage
  MILL_STORAGE_URL_INVALID: entry(
    'The storage text is no connection string Millrace knows.',
    "Use 'sqlite:path/to/file.db', 'sqlite::memory:' or 'postgres://user@host/database'.",
  ),
  MILL_STORAGE_UNAVAILABLE: entry(
    'The database cannot be reached, or did not answer in time.',
    'Check that it runs and that the connection string is right.',
    true,
  ),
  MILL_STORAGE_AUTH: entry(
    'The database refused the user, password or database name.',
    'Check the connection string and the rights of the user.',
  ),
  MILL_STORAGE_FULL: entry(
    'The disk of the database is full.',
    'Make room; Millrace goes on by itself.',
    true,
  ),
  MILL_STORAGE_READ_ONLY: entry(
    'The database cannot be written: read-only mount, rights, or a replica.',
    'Point Millrace at a writable primary, or mend the rights.',
  ),
  MILL_STORAGE_CORRUPT: entry(
    'The database file is damaged or no database.',
    'Stop, keep the file, restore from a backup.',
  ),
  MILL_STORAGE_BUSY: entry(
    'Others held a lock for too long, or the database chose this transaction to break a deadlock.',
    'Try again; keep transactions short.',
    true,
  ),
  MILL_STORAGE_IO: entry(
    'Reading or writing the database failed.',
    'Look at the disk; the cause has the number.',
    true,
  ),
  MILL_STORAGE_QUERY: entry('The database refused a statement.', 'Look at the cause.'),
  MILL_CURSOR_TRANSIENT: entry(
    'A cursor or page could not be opened or read just now.',
    'Try again from the same position; the cause says what was in the way.',
    true,
  ),
  MILL_CURSOR_FATAL: entry(
    'A cursor, or a page of one, cannot be read, now or later: expired, unknown, out of its range, or too large.',
    'Open a new one, or correct what the message names.',
  ),
  MILL_QUERY_TIMEOUT: entry(
    'A query took longer than it may.',
    'Narrow it by a filter on an indexed field, or raise `records.queryTimeout` of the config.',
    true,
  ),
  MILL_QUERY_TOO_MANY_ROWS: entry(
    'A query has more rows than it may give.',
    'Add a filter or a LIMIT, stream it, or raise `records.maxRows` of the config.',
  ),
  MILL_STORAGE_CLOSED: entry('The storage was closed.', 'Do not use a mill after stop().'),
  MILL_SCHEMA_MISSING: entry(
    'The tables of Millrace are missing or older than this release.',
    'Run `millrace migrate`, or leave `migrate: true`.',
  ),
  MILL_RELEASE_TOO_OLD: entry('The database needs a newer release of Millrace.', 'Upgrade this process.'),
  MILL_SQLITE_TOO_OLD: entry(
    'The SQLite in this Node can corrupt a database used by two processes.',
    'Use Node 24 with SQLite 3.51.3 or newer.',
  ),
  MILL_NODE_TOO_OLD: entry('This Node is too old.', 'Use Node 24 or newer.'),
  // schedules
  MILL_CRON_INVALID: entry(
    'A cron expression breaks a rule of its dialect.',
    'Write what the message says; `data` has the field, its value, the rule and what to write instead.',
  ),
  MILL_TIME_ZONE_UNKNOWN: entry(
    'There is no time zone of this name.',
    'Write an IANA name such as Europe/Berlin; the message tells the nearest one.',
  ),
  MILL_SCHEDULE_INVALID: entry('A schedule has a bad or missing field.', 'Mend the field the message names.'),
  MILL_SCHEDULE_EXISTS: entry(
    'A schedule of this name is there already.',
    "Use another name, or say what to do with `ifExists: 'skip'` or `'replace'`.",
  ),
  MILL_SCHEDULE_UNKNOWN: entry(
    'There is no schedule of this name.',
    'Correct the name or the tenant; the message tells the nearest one.',
  ),
  MILL_SCHEDULE_TARGET_GONE: entry(
    'No worker knows the definition that a schedule runs, so it does not fire.',
    'Deploy the definition in that version, or change or remove the schedule.',
  ),
  MILL_SCHEDULE_LATE: entry(
    'A schedule should have fired and has not.',
    'Look for workers that are overloaded or cannot reach the database, and for log lines that name the schedule.',
  ),
  MILL_SCHEDULE_MISSED: entry(
    'Nobody was there to fire a schedule at its time.',
    'Its misfire policy was followed; a backfill can make up for the rest.',
  ),
  // definitions that are edited
  MILL_DOCUMENT_CONFLICT: entry(
    'Somebody else has changed, made or removed what was to be written.',
    'Load it again, carry your change over, and save with the new version.',
  ),
  MILL_SAVED_QUERY_INVALID: entry(
    'A list view or report has a field, filter, logic or option that it cannot have.',
    'Mend what the message names; `data.issues` lists path and message of each problem.',
  ),
  MILL_SAVED_QUERY_UNKNOWN: entry(
    'There is no list view or report of this name.',
    'Correct the name; the message tells the nearest one.',
  ),
  // operations
  MILL_JOB_UNKNOWN: entry('There is no job with this id.', 'Check the id; it may have been pruned.'),
  MILL_JOB_NOT_ENDED: entry('The job has not ended yet.', 'Wait for it, or abort it first.'),
  MILL_JOB_FAILED: entry(
    'The job that was waited for did not complete.',
    '`data.status` and the cause tell how it ended.',
  ),
  MILL_WAIT_TIMEOUT: entry(
    'The job did not end within the time given.',
    'It is still there: wait again, or look at its status.',
  ),
  MILL_INTERNAL: entry('An invariant of Millrace is broken.', 'Report it with the message and the stack.'),
} satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorRegistry

export interface MillraceErrorOptions {
  readonly cause?: unknown
  /** What a program needs: ids, limits, issues. Plain data. */
  readonly data?: Readonly<Record<string, unknown>>
}

/** The one error class of Millrace. The message says what was wrong and where; `fix` says what to do. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: ErrorCode
  readonly data: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.data = options.data ?? {}
  }

  get retryable(): boolean {
    return errorRegistry[this.code].retryable
  }

  get fix(): string {
    return errorRegistry[this.code].fix
  }
}

export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  return error instanceof MillraceError && (code === undefined || error.code === code)
}
