import {
  defineListView,
  defineObject,
  defineReport,
  id,
  integer,
  integerId,
  number,
  reference,
  text,
} from 'millrace'

/** The application's own tables (see data.ts), as SOQL, list views and reports see them. */

export const Airport = defineObject({
  name: 'Airport',
  table: 'airports',
  fields: {
    Iata: id({ column: 'iata', label: 'IATA' }),
    Name: text({ column: 'name' }),
    City: text({ column: 'city' }),
    State: text({ column: 'state' }),
    Latitude: number({ column: 'latitude' }),
    Longitude: number({ column: 'longitude' }),
  },
  readOnly: true,
})

/** A flight has two airports: from there lead DepartingFlights and ArrivingFlights back. */
export const Flight = defineObject({
  name: 'Flight',
  table: 'flights',
  fields: {
    Id: integerId({ column: 'id' }),
    Departs: text({ column: 'departs' }),
    OriginId: reference('Airport', { column: 'origin', label: 'From', children: 'DepartingFlights' }),
    DestinationId: reference('Airport', { column: 'destination', label: 'To', children: 'ArrivingFlights' }),
    Distance: integer({ column: 'distance' }),
    Delay: integer({ column: 'delay', label: 'Minutes late' }),
  },
  readOnly: true,
})

export const longDelays = defineListView({
  name: 'long-delays',
  label: 'Long delays',
  object: Flight,
  columns: ['Departs', 'Origin.City', 'Destination.City', 'Delay'],
  filters: [
    { field: 'Delay', operator: 'greaterOrEqual', value: 120 },
    { field: 'Origin.State', operator: 'equals', value: 'IL' },
    { field: 'Destination.State', operator: 'equals', value: 'IL' },
  ],
  filterLogic: '1 AND (2 OR 3)',
  sort: [{ field: 'Delay', direction: 'desc' }],
})

export const delaysByState = defineReport({
  name: 'delays-by-state',
  label: 'Delays by state',
  object: Flight,
  format: 'summary',
  columns: ['Departs', 'Origin.Name', 'Delay'],
  groupings: { rows: ['Origin.State', 'OriginId'] },
  aggregates: [
    { field: 'Delay', function: 'average' },
    { field: 'Delay', function: 'max' },
  ],
  chart: { kind: 'bar', value: { field: 'Delay', function: 'average' } },
})
