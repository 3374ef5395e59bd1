import { readFile } from 'node:fs/promises'
import { csvParse } from 'd3-dsv'
import { createMill, type Mill } from 'millrace'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadData } from './data.ts'
import { Airport, delaysByState, Flight, longDelays } from './objects.ts'

interface Data {
  readonly delay: number
  readonly origin: string
  readonly destination: string
}

let mill: Mill
let flights: readonly Data[]
/** States by airport. */
let states: ReadonlyMap<string, string>

beforeAll(async () => {
  const definitions = [Airport, Flight, longDelays, delaysByState]
  mill = await createMill({ storage: 'sqlite::memory:', definitions, log: { sink: () => undefined } })
  await loadData(mill, () => undefined, new AbortController().signal)
  const read = (file: string) =>
    readFile(new URL(`data/${file}`, new URL('../', import.meta.resolve('vega-datasets'))), 'utf8')
  flights = JSON.parse(await read('flights-20k.json')) as Data[]
  states = new Map(csvParse(await read('airports.csv')).map(({ iata = '', state = '' }) => [iata, state]))
})
afterAll(() => mill.stop())

const atState = (airport: string): string => states.get(airport) ?? ''

test('a flight has two airports, and an airport its flights both ways', async () => {
  const [one] = await mill.soql<{
    Origin: { Name: string }
    Destination: { Name: string }
  }>`SELECT Origin.Name, Destination.Name FROM Flight WHERE Id = 1`
  expect(one?.Origin.Name).toMatch(/Detroit/)
  expect(one?.Destination.Name).toMatch(/McCarran/)
  const [airport] = await mill.soql<{ DepartingFlights: object[]; ArrivingFlights: object[] }>`
    SELECT (SELECT Id FROM DepartingFlights), (SELECT Id FROM ArrivingFlights) FROM Airport WHERE Iata = 'ORD'`
  expect(airport?.DepartingFlights).toHaveLength(flights.filter(({ origin }) => origin === 'ORD').length)
  expect(airport?.ArrivingFlights).toHaveLength(
    flights.filter(({ destination }) => destination === 'ORD').length,
  )
})

test('the list view has the long delays of one state, worst first', async () => {
  const expected = flights
    .filter(({ delay }) => delay >= 120)
    .filter(({ origin, destination }) => atState(origin) === 'IL' || atState(destination) === 'IL')
    .map(({ delay }) => delay)
    .sort((a, b) => b - a)
  const { rows, rowCount } = await mill.records.listView(longDelays)
  expect(rowCount).toBe(expected.length)
  expect(rows.map(({ cells }) => cells[3]?.value)).toEqual(expected.slice(0, rows.length))
})

test('the report has every flight in its state, with the mean delay', async () => {
  const { totals } = await mill.records.report(delaysByState)
  expect(totals?.count).toBe(20_000)
  for (const group of totals?.groups ?? []) {
    const own = flights.filter(({ origin }) => atState(origin) === group.key?.value)
    expect(group.count).toBe(own.length)
    const mean = own.reduce((sum, { delay }) => sum + delay, 0) / own.length
    expect(group.aggregates[0]?.value).toBeCloseTo(mean, 6)
  }
  expect(totals?.groups.length).toBe(new Set(flights.map(({ origin }) => atState(origin))).size)
})
