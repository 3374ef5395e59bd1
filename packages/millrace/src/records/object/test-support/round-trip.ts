import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import type { RecordsDatabase } from '../../database.ts'
import { defineObject } from '../define-object.ts'
import {
  boolean,
  currency,
  date,
  datetime,
  id,
  integer,
  integerId,
  integerReference,
  json,
  number,
  picklist,
  reference,
  text,
} from '../field.ts'
import { isObjectDefinition, type ObjectDefinition } from '../object.ts'
import { introspect } from '../introspect.ts'
import { sourceText } from '../source-text.ts'
import type { TableDescription } from '../table.ts'

/** Every kind of field that a catalog can tell, references both ways, to itself and twice to the same. */
export const shop = [
  defineObject({
    name: 'Airport',
    table: 'airports',
    fields: {
      Id: id({ column: 'id' }),
      Code: text({ column: 'code', length: 3, unique: true, required: true }),
      Name: text({ column: 'name', required: true, default: "it's new" }),
      Elevation: number({ column: 'elevation' }),
      OpenedOn: date({ column: 'opened_on', default: '2026-11-24' }),
      Details: json({ column: 'details' }),
      Size: picklist(['small', "large's", 'a,b'], { column: 'size', required: true, default: 'small' }),
      IsActive: boolean({ column: 'is_active', required: true, default: true }),
      TenantId: text({ column: 'tenant_id', required: true }),
      CreatedAt: datetime({ column: 'created_at' }),
      UpdatedAt: datetime({ column: 'updated_at' }),
      DeletedAt: datetime({ column: 'deleted_at' }),
    },
    tenant: 'TenantId',
    softDelete: 'DeletedAt',
    createdAt: 'CreatedAt',
    modifiedAt: 'UpdatedAt',
  }),
  defineObject({
    name: 'Flight',
    table: 'flights',
    fields: {
      Id: id({ column: 'id' }),
      OriginId: reference('Airport', { column: 'origin_id', required: true, children: 'OriginFlights' }),
      DestinationId: reference('Airport', { column: 'destination_id', children: 'DestinationFlights' }),
      PlaneId: integerReference('Plane', { column: 'plane_id', children: 'Flights' }),
      Seats: integer({ column: 'seats', required: true, default: 0 }),
      Price: number({ column: 'price', scale: 2, default: -1.5 }),
    },
  }),
  defineObject({
    name: 'Plane',
    fields: {
      Id: integerId(),
      ReplacesId: integerReference('Plane', { children: 'Planes' }),
      LastFlightId: reference('Flight', { children: 'Planes' }),
    },
  }),
] as const

/** `currency` stands in the tables of SQLite alone: PostgreSQL has no name for it. */
export const priced = defineObject({ name: 'Priced', fields: { Id: id(), Amount: currency({ scale: 2 }) } })

/** Runs the generated TypeScript; the objects by name. */
export async function definitionsOf(
  tables: readonly TableDescription[],
): Promise<{ text: string; objects: Record<string, ObjectDefinition> }> {
  const text = sourceText(introspect(tables))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-introspect-'))
  try {
    const here = new URL('../', import.meta.url).href
    writeFileSync(
      join(folder, 'millrace.ts'),
      `export * from '${here}field.ts'\nexport { defineObject } from '${here}define-object.ts'\n`,
    )
    const file = join(folder, 'objects.ts')
    writeFileSync(file, text.replace("from 'millrace'", "from './millrace.ts'"))
    const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Record<string, unknown>
    const objects = Object.values(module).filter(isObjectDefinition)
    expect(objects).toHaveLength(Object.keys(module).length)
    return { text, objects: Object.fromEntries(objects.map((one) => [one.name, one])) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The plain data of a definition. */
export function plain(definition: ObjectDefinition): unknown {
  return JSON.parse(JSON.stringify(definition))
}

/** A database that only reads the catalog. */
export type Catalog = Pick<RecordsDatabase, 'query'>
