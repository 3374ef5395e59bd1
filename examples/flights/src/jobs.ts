import { setTimeout } from 'node:timers/promises'
import { defineQueueable } from 'millrace'
import { z } from 'zod'

/** This airport's first attempt fails after it has written its figures, so that one can see them rolled back. */
export const plantedFault = { origin: 'ORD', attempt: 1 }

export const airportDelays = defineQueueable({
  name: 'airport-delays',
  input: z.object({ run: z.int(), origin: z.string(), pauseMs: z.int() }),
  retry: { attempts: 5, initial: '500 ms', jitter: 'none' },

  async execute({ run, origin, pauseMs }, ctx) {
    // Before the first statement: on SQLite an open transaction keeps everybody else from writing.
    if (pauseMs > 0) await setTimeout(pauseMs, undefined, { signal: ctx.signal })

    const flights = await ctx.sql<{ delay: number }>`select delay from flights where origin = ${origin}`
    const { mean, late, worst } = figuresOf(flights.map(({ delay }) => delay))
    await ctx.sql`
      insert into airport_delays (run, origin, flights, mean_delay, late, worst_delay, pid)
      values (${run}, ${origin}, ${flights.length}, ${mean}, ${late}, ${worst}, ${process.pid})`

    if (origin === plantedFault.origin && ctx.attempt === plantedFault.attempt) {
      throw new Error('planted fault, after the figures were written')
    }
  },

  // Runs after every attempt, also after one whose process was killed.
  async finalizer({ input, attempt, result, exception, willRetry }, ctx) {
    await ctx.sql`
      insert into airport_attempts (run, origin, attempt, result)
      values (${input.run}, ${input.origin}, ${attempt}, ${result})`
    if (result === 'SUCCESS') return
    const problem =
      result === 'LOST' ? 'was lost with its process' : `failed (${exception?.message ?? result})`
    const outlook = willRetry ? 'nothing was written, another attempt follows' : 'there is no further one'
    ctx.log.warn(`${input.origin}: attempt ${attempt} ${problem}; ${outlook}`)
  },
})

/** A flight counts as late from the sixteenth minute on, as the US Department of Transportation has it. */
function figuresOf(delays: readonly number[]): { mean: number; late: number; worst: number } {
  const sum = delays.reduce((total, delay) => total + delay, 0)
  return {
    mean: sum / delays.length,
    late: delays.filter((delay) => delay > 15).length,
    worst: Math.max(...delays),
  }
}
