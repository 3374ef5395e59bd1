import { defineObject } from '../../object/define-object.ts'
import {
  boolean,
  currency,
  date,
  datetime,
  id,
  integer,
  json,
  multipicklist,
  number,
  picklist,
  reference,
  text,
} from '../../object/field.ts'
import { Schema } from '../../object/schema.ts'

/** Customers with orders: what list views and reports are tried on. */
export const Person = defineObject({
  name: 'Person',
  table: 'person',
  fields: { Id: id({ column: 'id' }), Name: text({ column: 'name' }) },
})

export const Customer = defineObject({
  name: 'Customer',
  label: 'Customer',
  table: 'customer',
  tenant: 'Tenant',
  owner: 'OwnerId',
  fields: {
    Id: id({ column: 'id' }),
    Tenant: text({ column: 'tenant', required: true }),
    Name: text({ column: 'name', label: 'Customer Name' }),
    Rating: picklist([{ value: 'hot', label: 'Hot!' }, { value: 'warm', label: 'Warm' }, 'cold'], {
      column: 'rating',
    }),
    Topics: multipicklist([{ value: 'a', label: 'Apples' }, 'b', 'c'], { column: 'topics' }),
    Employees: integer({ column: 'employees' }),
    Active: boolean({ column: 'active' }),
    Gold: boolean({ column: 'gold', required: true }),
    Since: date({ column: 'since' }),
    SeenAt: datetime({ column: 'seen_at', label: 'Last Seen' }),
    Extra: json({ column: 'extra' }),
    OwnerId: reference('Person', { column: 'owner_id', children: 'Customers' }),
  },
})

export const Order = defineObject({
  name: 'Order__c',
  table: 'orders',
  tenant: 'Tenant',
  nameField: 'Code',
  fields: {
    Id: id({ column: 'id' }),
    Tenant: text({ column: 'tenant', required: true }),
    Code: text({ column: 'code' }),
    Amount: currency({ column: 'amount' }),
    Weight: number({ column: 'weight' }),
    Quantity: integer({ column: 'quantity' }),
    Status: picklist(['open', 'paid', 'void'], { column: 'status' }),
    PlacedAt: datetime({ column: 'placed_at' }),
    Due: date({ column: 'due' }),
    Batch: text({ column: 'batch', caseSensitive: true }),
    Grade: picklist(['x', 'y', 'X'], { column: 'grade', caseSensitive: true, restricted: false }),
    CustomerId: reference('Customer', { column: 'customer_id', children: 'Orders' }),
    AboutId: reference(['Customer', 'Person'], { column: 'about_id', typeColumn: 'about_type' }),
  },
})

export const schema = new Schema([Person, Customer, Order])

/** Types by name, for both databases. */
export function tablesFor(kind: 'sqlite' | 'postgres'): readonly string[] {
  const pg = kind === 'postgres'
  const [instant, bool, no, money, real, day, doc] = pg
    ? ['timestamptz', 'boolean', 'false', 'numeric(20,2)', 'double precision', 'date', 'jsonb']
    : ['text', 'integer', '0', 'real', 'real', 'text', 'text']
  return [
    'create table person (id text primary key, name text)',
    `create table customer (id text primary key, tenant text not null, name text, rating text, topics text, employees integer,
       active ${bool}, gold ${bool} not null default ${no}, since ${day}, seen_at ${instant}, extra ${doc}, owner_id text)`,
    `create table orders (id text primary key, tenant text not null, code text, amount ${money}, weight ${real}, quantity integer,
       status text, placed_at ${instant}, due ${day}, batch text, grade text, customer_id text, about_id text, about_type text)`,
  ]
}
