import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { JobStatus } from '../index.ts'
import { addBatches, addFlexQueue } from './program-batches.ts'
import { addPipelines } from './program-pipelines.ts'

const statuses = [
  'Holding',
  'Queued',
  'Preparing',
  'Processing',
  'Completed',
  'Failed',
  'Aborted',
] as const satisfies readonly JobStatus[]

const exitCodes = `
Exit codes: 0 done, 1 the operation failed (stderr says why), 2 the command line is wrong.

Without --storage and without a millrace.config.{ts,mjs,js} here or above, the storage is $MILLRACE_STORAGE,
$DATABASE_URL, or sqlite:data/millrace.db.`

/** The whole command line. Each action imports what it needs, so that --help loads nothing of the engine. */
export function createProgram() {
  const program = new Command('millrace')
    .description(
      'Asynchronous processing for TypeScript: durable, fair between tenants, on SQLite or PostgreSQL.',
    )
    .version(version(), '-V, --version', 'print the version')
    .option('--config <file>', 'the config file (default: the nearest millrace.config.{ts,mjs,js})')
    .option('--storage <url>', "sqlite:path/to/file.db or postgres://…, instead of the config's")
    .option('--json', 'print JSON; errors too')
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .addHelpText('after', exitCodes)
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
  program.on('option:no-color', () => {
    delete process.env['FORCE_COLOR']
    process.env['NO_COLOR'] = '1'
  })

  program
    .command('worker')
    .description('work until SIGINT or SIGTERM; what runs then may finish, the rest is handed back')
    .option('--concurrency <n>', "executions at once (default: the config's, else 10)", wholeNumber)
    .option('--queues <names>', 'serve only these queues: a,b', names)
    .option('--verbose', 'print each execution that ends')
    .action(async (_options, command) => {
      const { worker } = await import('./commands/worker.ts')
      await worker(command.optsWithGlobals())
    })

  program
    .command('migrate')
    .description('create or upgrade the tables')
    .option('--check', 'change nothing; exit code 1 when something is missing')
    .action(async (_options, command) => {
      const { migrate } = await import('./commands/migrate.ts')
      await migrate(command.optsWithGlobals())
    })

  program
    .command('enqueue')
    .description('enqueue a job and print its id')
    .argument('<name>', 'of a definition in the config')
    .argument('[input]', 'JSON, or - to read it from stdin')
    .option('--delay <duration>', "not before this long from now: '10 minutes'")
    .option('--run-at <instant>', 'not before this instant: 2030-01-31T08:00:00Z')
    .option('--tenant <name>')
    .option('--queue <name>')
    .option('--priority <n>', '0 (first) to 9, default 5', wholeNumber)
    .option('--unique <key>', 'what makes two jobs the same')
    .addOption(
      new Option('--on-duplicate <what>', 'with --unique (default: throw)').choices([
        'throw',
        'return',
        'replace',
      ] as const),
    )
    .option('--until <when>', 'with --unique: started, done (default), or a duration')
    .option('--tag <tag>', 'may be given again', collect, [] as readonly string[])
    .option('--wait', 'wait for the end, print the result; exit code 1 when it failed')
    .option('--timeout <duration>', 'with --wait: how long (default: for ever)')
    .action(async (name, input, _options, command) => {
      const { enqueue } = await import('./commands/enqueue.ts')
      await enqueue(name, input, command.optsWithGlobals())
    })

  const jobs = program.command('jobs').description('look at jobs, retry and abort them')

  jobs
    .command('list')
    .description('newest first')
    .addOption(new Option('--status <status>').choices(statuses))
    .option('--tenant <name>')
    .option('--queue <name>')
    .option('--name <name>', 'of the definition')
    .option('--tag <tag>')
    .option('--from <instant>', 'enqueued at or after: 2030-01-31T08:00:00Z', instant)
    .option('--to <instant>', 'enqueued at or before', instant)
    .option('--limit <n>', 'at most 1000, default 50', wholeNumber)
    .option('--after <id>', 'the page after this job')
    .action(async (_options, command) => {
      const { listJobs } = await import('./commands/jobs-list.ts')
      await listJobs(command.optsWithGlobals())
    })

  jobs
    .command('show')
    .description('everything about one job: why it waits, its attempts, its error')
    .argument('<id>')
    .action(async (id, _options, command) => {
      const { showJob } = await import('./commands/jobs-show.ts')
      await showJob(id, command.optsWithGlobals())
    })

  jobs
    .command('retry')
    .description('enqueue ended jobs once more, under new ids')
    .argument('<id...>')
    .action(async (ids, _options, command) => {
      const { retryJobs } = await import('./commands/jobs-act.ts')
      await retryJobs(ids, command.optsWithGlobals())
    })

  jobs
    .command('abort')
    .description('abort queued jobs; ask running ones to stop')
    .argument('<id...>')
    .action(async (ids, _options, command) => {
      const { abortJobs } = await import('./commands/jobs-act.ts')
      await abortJobs(ids, command.optsWithGlobals())
    })

  jobs
    .command('counts')
    .description('how many jobs have which status')
    .option('--tenant <name>')
    .option('--queue <name>')
    .option('--name <name>', 'of the definition')
    .action(async (_options, command) => {
      const { countJobs } = await import('./commands/jobs-counts.ts')
      await countJobs(command.optsWithGlobals())
    })

  const objects = program.command('objects').description('objects of tables, tables of objects')

  objects
    .command('list')
    .description('the objects of the config and of the engine')
    .action(async (_options, command) => {
      const { listKnownObjects } = await import('./commands/objects.ts')
      await listKnownObjects(command.optsWithGlobals())
    })

  objects
    .command('introspect')
    .description('print TypeScript that defines objects for the tables that are there')
    .option('--table <name>', 'only this one; may be given again', collect, [] as readonly string[])
    .option('--out <file>', 'write it to a new file')
    .action(async (_options, command) => {
      const { introspectTables } = await import('./commands/objects.ts')
      await introspectTables(command.optsWithGlobals())
    })

  objects
    .command('create')
    .description('print the SQL that makes the tables of objects')
    .argument('[names...]', 'of objects in the config (default: all)')
    .addOption(
      new Option('--for <database>', "default: the storage's").choices(['sqlite', 'postgres'] as const),
    )
    .action(async (names, _options, command) => {
      const { createObjects } = await import('./commands/objects.ts')
      await createObjects(names, command.optsWithGlobals())
    })

  objects
    .command('triggers')
    .description('print the SQL of PostgreSQL triggers that tell of changes made by anybody')
    .argument('[names...]', 'of objects in the config (default: all that have after-triggers)')
    .action(async (names, _options, command) => {
      const { createTriggers } = await import('./commands/objects.ts')
      await createTriggers(names, command.optsWithGlobals())
    })

  addBatches(program)
  addFlexQueue(program)
  addSchedules(program)
  addPipelines(program)

  for (const verb of ['pause', 'resume'] as const) {
    program
      .command(verb)
      .description(
        verb === 'pause'
          ? 'claim nothing any more of a queue, a definition, a tenant, or at all; alone: list the pauses'
          : 'go on with what was paused',
      )
      .addOption(new Option('--queue <name>').conflicts(['name', 'tenant', 'all']))
      .addOption(new Option('--name <name>', 'of the definition').conflicts(['tenant', 'all']))
      .addOption(new Option('--tenant <name>').conflicts(['all']))
      .option('--all')
      .action(async (_options, command) => {
        const { pauseOrResume } = await import('./commands/pause.ts')
        await pauseOrResume(verb, command.optsWithGlobals())
      })
  }

  program
    .command('workers')
    .description('list the workers')
    .action(async (_options, command) => {
      const { listWorkers } = await import('./commands/workers.ts')
      await listWorkers(command.optsWithGlobals())
    })

  return program
}

function addSchedules(program: Command): void {
  const schedules = program.command('schedules').description('look at schedules and steer them')

  schedules
    .command('list')
    .description('list schedules with their state, next and last fire')
    .option('--tenant <name>', 'default: of all tenants')
    .action(async (_options, command) => {
      const { listSchedules } = await import('./commands/schedules.ts')
      await listSchedules(command.optsWithGlobals())
    })

  schedules
    .command('next')
    .description('when it fires next, in its zone and another, and what else fires then')
    .argument('<name>')
    .option('--tenant <name>')
    .option('--count <n>', 'default 10', wholeNumber)
    .option('--zone <name>', 'the other time zone (default: UTC)')
    .action(async (name, _options, command) => {
      const { nextFires } = await import('./commands/schedules.ts')
      await nextFires(name, command.optsWithGlobals())
    })

  for (const verb of ['pause', 'resume'] as const) {
    schedules
      .command(verb)
      .description(verb === 'pause' ? 'fire no more until resumed' : 'fire again; what was missed by policy')
      .argument('[names...]')
      .option('--tenant <name>')
      .option('--all', 'all schedules of the tenant')
      .action(async (names, _options, command) => {
        const { pauseSchedules } = await import('./commands/schedules.ts')
        await pauseSchedules(verb, names, command.optsWithGlobals())
      })
  }

  schedules
    .command('run')
    .description('fire now, and print the id of the job')
    .argument('<name>')
    .option('--tenant <name>')
    .action(async (name, _options, command) => {
      const { runSchedule } = await import('./commands/schedules.ts')
      await runSchedule(name, command.optsWithGlobals())
    })

  schedules
    .command('backfill')
    .description('fire for each past instant of a range that has had no job')
    .argument('<name>')
    .requiredOption('--from <instant>', '2030-01-31T08:00:00Z, inclusive', instant)
    .requiredOption('--to <instant>', 'inclusive', instant)
    .option('--tenant <name>')
    .action(async (name, _options, command) => {
      const { backfillSchedule } = await import('./commands/schedules.ts')
      await backfillSchedule(name, command.optsWithGlobals())
    })
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

function names(text: string): readonly string[] {
  const found = text.split(',').map((name) => name.trim())
  if (found.some((name) => name === ''))
    throw new InvalidArgumentError('It must be names, separated by commas.')
  return found
}

function instant(text: string): Date {
  const date = new Date(text)
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('It must be an instant such as 2030-01-31T08:00:00Z.')
  return date
}

function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}
