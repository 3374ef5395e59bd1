import { setTimeout } from 'node:timers/promises'
import { defineBatch, defineSchedule, type RecordOf } from 'millrace'
import { z } from 'zod'
import { insertRows } from './data.ts'
import type { Flight } from './objects.ts'

type FlightRow = RecordOf<typeof Flight>

/** This flight is without its distance when a run begins, so that one can see it set aside, mended and tried again. */
export const badFlight = { id: 7_777, distance: 181 }

export const flightsPerChunk = 500

/** Rates every flight: a row for each. A chunk writes its rows in the transaction that moves the batch on, so none is rated twice. */
export const rateFlights = defineBatch({
  name: 'rate-flights',
  input: z.object({ run: z.int(), pauseMs: z.int() }),
  scope: flightsPerChunk,
  // A chunk that fails for good is halved until its bad records are alone; these are set aside, and all others go on.
  bisect: true,
  retry: { attempts: 2, initial: '100 ms', jitter: 'none' },

  start: (_input, ctx) => ctx.soql<FlightRow>`SELECT Id, Distance, Delay FROM Flight`,

  async execute(flights, ctx) {
    const { run, pauseMs } = ctx.input
    const pause = Math.round((pauseMs * flights.length) / flightsPerChunk)
    // As a callout, which lets go of what was read: on SQLite an open transaction keeps everybody else from writing.
    if (pause > 0) await ctx.callout((signal) => setTimeout(pause, undefined, { signal }))

    const ratings = flights.map((flight) => [run, flight.Id, ratingOf(flight), process.pid])
    await insertRows(ctx, 'insert into flight_ratings (run, flight, rating, pid) values ', ratings)
  },
})

/** The same each night; `npm start` shows when. Run 0 is that of the nights. */
export const nightlyRatings = defineSchedule({
  name: 'nightly-ratings',
  cron: '0 0 2 * * ?',
  timeZone: 'America/New_York',
  runs: rateFlights,
  input: { run: 0, pauseMs: 0 },
})

/** By the minutes late for each hour in the air, at 500 miles an hour. */
function ratingOf({ Id, Distance, Delay }: FlightRow): string {
  if (Distance === null || Delay === null) throw new Error(`flight ${Id} has no distance`)
  const perHour = Delay / (Distance / 500)
  if (perHour <= 0) return 'on time'
  return perHour <= 15 ? 'late' : 'very late'
}
