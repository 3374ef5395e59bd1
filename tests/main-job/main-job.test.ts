import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runMainJob, startMainJob, type MainJob, type RunResult } from './main-job.ts'
import { postgresPlace, sqlitePlace, type Place, type Standing } from './place.ts'

const airports = 220
const flights = 20_000
const rowsToLoad = 23_376
const kills = 10
const seed = Number(process.env['MAIN_JOB_SEED'] ?? '1')

const places: Place[] = []
const postgres = await postgresPlace()
if (postgres) places.push(postgres)

afterAll(async () => {
  for (const place of places) await place.remove()
})

function newPlace(): Place {
  const place = sqlitePlace()
  places.push(place)
  return place
}

const quiet = newPlace()
/** Of a run that nobody disturbed. */
let undisturbed: RunResult
let said: string

beforeAll(async () => {
  const { result, stderr } = await runMainJob([...quiet.args, '--fast'])
  undisturbed = result
  said = stderr
})

test('gives every airport its figures', () => {
  expect(undisturbed).toMatchObject({ run: 1, airports, rows: airports, writtenOnce: true, processes: 1 })
  expect(undisturbed.delays.reduce((sum, { flights }) => sum + flights, 0)).toBe(20_000)
  expect(undisturbed.delays.find(({ origin }) => origin === 'JFK')).toMatchObject({
    flights: 200,
    meanDelay: 16.2,
  })
})

test('the planted fault costs one airport one attempt', () => {
  const failed = undisturbed.attempts.filter(({ result }) => result !== 'SUCCESS')
  expect(failed).toEqual([{ origin: 'ORD', attempt: 1, result: 'UNHANDLED_EXCEPTION' }])
  expect(undisturbed.attempts).toContainEqual({ origin: 'ORD', attempt: 2, result: 'SUCCESS' })
})

test('the batch rates every flight once, also the bad one, which was set aside and mended', () => {
  expect(undisturbed).toMatchObject({ flights, ratings: flights, ratedOnce: true })
  expect(undisturbed.rated).toEqual({ 'on time': 10_507, late: 5_339, 'very late': 4_154 })
  expect(said).toContain('flight 7777 has no distance')
  expect(said).toContain('Set aside: 1 of 20000 flights. Mended, and tried again.')
})

test('stopped by Ctrl-C, it goes on at the next start, and no attempt is lost', async () => {
  const place = newPlace()
  const job = startMainJob([...place.args, '--seconds', '2'])
  await reached(place, job, ({ figures }) => figures >= 20)
  job.kill('SIGINT')
  expect(await job.ended).toMatchObject({ code: 130 })

  const { attempts, ...result } = (await runMainJob([...place.args, '--fast'])).result
  expect(result).toMatchObject({
    ...{ run: 1, writtenOnce: true, ratedOnce: true, processes: 2 },
    ...{ delays: undisturbed.delays, rated: undisturbed.rated },
  })
  expect(attempts.filter(({ result }) => result === 'LOST')).toEqual([])
})

test('begins a new run after a finished one', async () => {
  expect((await runMainJob([...quiet.args, '--fast'])).result).toMatchObject({
    ...{ run: 2, rows: airports, writtenOnce: true, ratings: flights, ratedOnce: true },
    ...{ delays: undisturbed.delays, rated: undisturbed.rated },
  })
  expect(await quiet.look()).toEqual({
    ...{ loaded: rowsToLoad, figures: 2 * airports, airports, ratings: 2 * flights, rated: flights },
  })
})

test('says what to do where there is no PostgreSQL', async () => {
  const { code, stderr } = await startMainJob(['--postgres', 'postgres://postgres@127.0.0.1:1/none']).ended
  expect(code).toBe(1)
  expect(stderr).toContain('npm start -- --postgres postgres://')
})

describe.concurrent(
  `killed ten times (seed ${seed}), it gives the same tables, each airport written and each flight rated once`,
  () => {
    const sqlite = newPlace()

    test('on SQLite', () => survives(sqlite), 180_000)

    test.skipIf(!postgres)('on PostgreSQL with three worker processes', () => survives(postgres!), 180_000)
  },
)

async function survives(place: Place): Promise<void> {
  for (const moment of moments(seed)) await killAt(place, moment)
  const { attempts, ...result } = (await runMainJob(place.args)).result

  expect(result).toMatchObject({
    ...{ run: 1, writtenOnce: true, ratedOnce: true },
    ...{ delays: undisturbed.delays, rated: undisturbed.rated },
  })
  expect(await place.look()).toEqual({
    ...{ loaded: rowsToLoad, figures: airports, airports, ratings: flights, rated: flights },
  })
  const successes = attempts.filter(({ result }) => result === 'SUCCESS').map(({ origin }) => origin)
  expect(successes).toHaveLength(airports)
  expect(new Set(successes).size).toBe(airports)
}

type Moment = (standing: Standing) => boolean

/** One while the data are being loaded, the others at random numbers of airports and of flights. */
function moments(seed: number): Moment[] {
  const random = randomOf(seed)
  const loaded = Math.floor(random() * rowsToLoad)
  const shares = Array.from({ length: kills - 1 }, () => random() * 0.9).sort((a, b) => a - b)
  return [
    (standing) => standing.loaded >= loaded,
    ...shares.map(
      (share, at): Moment =>
        ({ figures, ratings }) =>
          at % 2 === 0 ? figures >= share * airports : ratings >= share * flights,
    ),
  ]
}

async function killAt(place: Place, moment: Moment): Promise<void> {
  const job = startMainJob([...place.args, '--seconds', '2'])
  await reached(place, job, moment)
  job.kill('SIGKILL')
  expect(await job.ended).toMatchObject({ signal: 'SIGKILL' })
}

async function reached(place: Place, job: MainJob, moment: Moment): Promise<void> {
  await vi.waitUntil(
    async () => {
      if (!job.running) throw new Error(`The main job ended by itself:\n${(await job.ended).stderr}`)
      return moment(await place.look())
    },
    { interval: 10, timeout: 40_000 },
  )
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
