import type { Mill, Records } from 'millrace'
import { airportDelays, plantedFault } from './jobs.ts'
import type { Attempt, RunResult } from './result.ts'
import { delaysByState, longDelays } from './objects.ts'
import { runProgress, runTag, type Run } from './runs.ts'
import { badFlight, flightsPerChunk, nightlyRatings } from './ratings.ts'
import { delayTable } from './table.ts'

type Say = (line: string) => void

export function introduce(run: Run, pids: readonly number[], say: Say): void {
  const { id, airports, flights, missing, queued, resumed } = run
  if (!resumed) {
    say(`Run ${id}: ${queued} airports queued, one job each, and one batch over ${flights} flights.`)
  } else {
    const written = airports - missing.length
    say(
      `Run ${id} goes on: ${written} of ${airports} airports have their figures, the others are still queued.`,
    )
    if (queued > 0) say(`${queued} had failed for good and are queued again.`)
  }
  const { origin, attempt } = plantedFault
  if (missing.includes(origin))
    say(`Planted: ${origin} fails on attempt ${attempt}, after it has written its figures;`)
  if (!resumed) say(`and flight ${badFlight.id} has no distance, among the ${flightsPerChunk} of its chunk.`)
  say(`Kill it half way, if you like, and start it again: kill -9 ${pids.join(' ')}`)
}

export function report(
  { run, airports, rows, writtenOnce, flights, ratings, ratedOnce, rated, ...rest }: RunResult,
  say: Say,
): void {
  const { processes, attempts, delays } = rest
  say('')
  for (const line of delayTable(delays)) say(line)
  say('')
  say(
    `Run ${run}: ${airports} airports, figures written by ${processes} ${processes === 1 ? 'process' : 'processes'}.`,
  )
  say(`Attempts: ${attemptsByResult(attempts)}.`)
  const planted = attempts.filter(({ origin }) => origin === plantedFault.origin)
  say(
    `${plantedFault.origin}: ${planted.map(({ attempt, result }) => `attempt ${attempt} ${endings[result]}`).join(', ')}.`,
  )
  const kinds = Object.entries(rated).map(([rating, count]) => `${count} ${rating}`)
  say(`Flights: ${kinds.join(', ')}.`)
  say(`Each airport written once: ${writtenOnce ? 'yes' : 'NO'} (${rows} rows for ${airports} airports).`)
  say(`Each flight rated once: ${ratedOnce ? 'yes' : 'NO'} (${ratings} rows for ${flights} flights).`)
}

/** When the batch comes by itself. */
export async function showNights(mill: Mill, say: Say): Promise<void> {
  const next = await mill.schedules.next(nightlyRatings.name, { count: 3 })
  say('')
  say(`The batch also runs by the schedule ${nightlyRatings.name}; next in New York:`)
  for (const { local, at } of next) say(`  ${local} (${at.toISOString()})`)
}

/** The same tables, as a list view and a report see them. */
export async function showRecords(records: Records, say: Say): Promise<void> {
  const { columns, rows } = await records.listView(longDelays)
  say('')
  say(`${longDelays.label}: ${columns.map(({ label }) => label).join(', ')}`)
  for (const { cells } of rows.slice(0, 3)) say(`  ${cells.map(({ label }) => label).join(', ')}`)
  const { totals } = await records.report(delaysByState)
  say('')
  say(`${delaysByState.label}:`)
  for (const { key, count, aggregates } of totals?.groups.slice(0, 3) ?? [])
    say(`  ${key?.label ?? ''}: ${count} flights, ${aggregates[0]?.label ?? ''} minutes late on average`)
}

const endings: Readonly<Record<Attempt['result'], string>> = {
  SUCCESS: 'succeeded',
  UNHANDLED_EXCEPTION: 'failed',
  LOST: 'lost with a process',
  ABORTED: 'aborted',
}

function attemptsByResult(attempts: readonly Attempt[]): string {
  const counted = Object.entries(endings).map(([result, ending]) => {
    return { ending, count: attempts.filter((attempt) => attempt.result === result).length }
  })
  return counted.flatMap(({ ending, count }) => (count > 0 ? `${count} ${ending}` : [])).join(', ')
}

export async function reportFailures(mill: Mill, run: Run, say: Say): Promise<void> {
  const { written, ratings } = await runProgress(mill, run)
  say(`${run.airports - written} of ${run.airports} airports have no figures although their jobs ended,`)
  say(`and ${run.flights - ratings} of ${run.flights} flights no rating.`)
  const { jobs } = await mill.jobs.list({ name: airportDelays.name, tag: runTag(run.id), status: 'Failed' })
  for (const { id, tags, error } of jobs) say(`  ${tags[0] ?? ''} ${id}: ${error?.message ?? ''}`)
  say('Start it again to give them another try.')
}

/** Commands with which to go on looking. The npm script runs the CLI from its sources, beside the configuration. */
export async function lookAround(mill: Mill, storage: string | undefined, say: Say): Promise<void> {
  const { jobs } = await mill.jobs.list({ name: airportDelays.name, tag: plantedFault.origin, limit: 1 })
  const where = storage === undefined ? '' : ` --storage ${withoutPassword(storage)}`
  const commands = ['jobs counts', 'jobs list --limit 10', ...jobs.map(({ id }) => `jobs show ${id}`)]
  say('')
  say('Everything stays queryable:')
  for (const command of commands) say(`  npm run -s millrace -w example-flights -- ${command}${where}`)
}

function withoutPassword(storage: string): string {
  return storage.replace(/^(postgres(?:ql)?:\/\/[^:/@]+):[^@]*@/, '$1:<password>@')
}
