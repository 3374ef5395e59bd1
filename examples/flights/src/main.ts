import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createMill, loadConfig, type Mill, type MillConfig } from 'millrace'
import { loadData } from './data.ts'
import { airportDelays } from './jobs.ts'
import { BadOptions, readOptions, usage, type Options } from './options.ts'
import { ensureDatabase, NoPostgres, postgresUrl } from './postgres.ts'
import { Progress } from './progress.ts'
import { introduce, lookAround, report, reportFailures, showNights, showRecords } from './report.ts'
import { beginRun, finishRun, retryBadFlights, runProgress, type Run } from './runs.ts'
import { rateFlights } from './ratings.ts'
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
    const run = await beginRun(mill, { runMs: options.seconds * 1000, slots })
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
      await showNights(mill, progress.say)
      await showRecords(mill.records, progress.say)
      await lookAround(mill, storage, progress.say)
    }
    return result.writtenOnce && result.ratedOnce ? 0 : 1
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

/** Shows the progress until every airport has its figures and every flight its rating; false: no job is left, but some have none. */
async function watch(mill: Mill, run: Run, workers: Workers, progress: Progress): Promise<boolean> {
  for (;;) {
    workers.check()
    // In this order: whatever ended before the first look is seen by the second.
    const airports = await mill.jobs.counts({ name: airportDelays.name })
    const batches = await mill.jobs.counts({ name: rateFlights.name })
    const { written, noted, ratings } = await runProgress(mill, run)
    progress.show({
      airports: { done: written, total: run.airports },
      flights: { done: ratings, total: run.flights },
    })
    const left = { airports: run.airports - noted, flights: run.flights - ratings }
    if (left.airports === 0 && left.flights === 0) return true
    const ended = { airports: living(airports) === 0, flights: living(batches) === 0 }
    if (ended.flights && left.flights > 0) {
      const again = await retryBadFlights(mill, run)
      if (again > 0) progress.say(`  Set aside: ${again} of ${run.flights} flights. Mended, and tried again.`)
      else if (ended.airports) return false
    } else if (ended.airports && written < run.airports) return false
    await setTimeout(lookEveryMs, undefined, { signal: interruption.signal })
  }
}

function living(counts: Awaited<ReturnType<Mill['jobs']['counts']>>): number {
  return counts.Holding + counts.Queued + counts.Preparing + counts.Processing
}

function isInterruption(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.name === 'AbortError')
}
