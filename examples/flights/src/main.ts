import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createMill, loadConfig, type Mill, type MillConfig } from 'millrace'
import { loadData } from './data.ts'
import { airportDelays } from './jobs.ts'
import { BadOptions, readOptions, usage, type Options } from './options.ts'
import { ensureDatabase, NoPostgres, postgresUrl } from './postgres.ts'
import { Progress } from './progress.ts'
import { introduce, lookAround, report, reportFailures, showRecords } from './report.ts'
import { beginRun, finishRun, runProgress, type Run } from './runs.ts'
import { readResult } from './result.ts'
import { Workers } from './workers.ts'

const workerProcesses = 3
const lookEveryMs = 100

class Interrupted extends Error {}

const interruption = new AbortController()
const interrupt = (): void => interruption.abort(new Interrupted())
process.once('SIGINT', interrupt)
process.once('SIGTERM', interrupt)

try {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') console.log(usage)
  else process.exitCode = await main(options)
} catch (error) {
  if (error instanceof BadOptions) console.error(`${error.message}\n\n${usage}`)
  else console.error(error instanceof NoPostgres ? error.message : error)
  process.exitCode = 1
}

/** Returns the exit code. */
async function main(options: Options): Promise<number> {
  const progress = new Progress(options.json ? process.stderr : process.stdout)
  // The worker processes and the CLI read the same configuration, so they are told by the environment.
  const storage = await storageOf(options)
  if (storage !== undefined) process.env['FLIGHTS_STORAGE'] = storage
  const loaded = await loadConfig(fileURLToPath(import.meta.resolve('../millrace.config.ts')))
  const config: MillConfig = loaded?.config ?? {}
  const mill = await createMill({ ...config, log: { sink: ({ message }) => progress.say(`  ${message}`) } })
  const workers = new Workers((line) => progress.say(`  ${line}`))
  try {
    await loadData(mill, progress.say, interruption.signal)
    const slots = (config.concurrency ?? 1) * (options.postgres ? workerProcesses : 1)
    const run = await beginRun(mill, (airports) => Math.round((options.seconds * 1000 * slots) / airports))
    if (options.postgres) workers.start(workerProcesses)
    else await mill.start()
    introduce(run, [process.pid, ...workers.pids], progress.say)

    const complete = await watch(mill, run, workers, progress)
    progress.end()
    if (!complete) {
      await reportFailures(mill, run, progress.say)
      return 1
    }
    await finishRun(mill, run)
    const result = await readResult(mill, run)
    report(result, progress.say)
    if (options.json) console.log(JSON.stringify(result))
    else {
      await showRecords(mill.records, progress.say)
      await lookAround(mill, storage, progress.say)
    }
    return result.writtenOnce ? 0 : 1
  } catch (error) {
    progress.end()
    if (!(interruption.signal.aborted && isInterruption(error))) throw error
    progress.say('Stopped. Start it again and it goes on from here.')
    return 130
  } finally {
    await workers.stop()
    await mill.stop()
  }
}

/** undefined: what the configuration says. */
async function storageOf({ postgres, data }: Options): Promise<string | undefined> {
  if (postgres !== null) {
    const url = postgresUrl(postgres.url)
    await ensureDatabase(url)
    return url
  }
  return data === undefined ? undefined : `sqlite:${resolve(data, 'flights.db')}`
}

/** Shows the progress until every airport has its figures; false: no job is left, but some airport has none. */
async function watch(mill: Mill, run: Run, workers: Workers, progress: Progress): Promise<boolean> {
  for (;;) {
    workers.check()
    // In this order: whatever ended before the first look is seen by the second.
    const counts = await mill.jobs.counts({ name: airportDelays.name })
    const { written, noted } = await runProgress(mill, run)
    progress.show({ done: written, total: run.airports, running: counts.Processing })
    if (written === run.airports && noted === run.airports) return true
    const living = counts.Queued + counts.Processing
    if (living === 0 && written < run.airports) return false
    await setTimeout(lookEveryMs, undefined, { signal: interruption.signal })
  }
}

function isInterruption(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.name === 'AbortError')
}
