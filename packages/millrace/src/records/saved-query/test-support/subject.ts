import { Access } from '../../access/access.ts'
import { defineRole } from '../../access/define-role.ts'
import type { Caller } from '../../access/principal.ts'
import type { RecordsDatabase, Row, Statement } from '../../database.ts'
import type { RecordsEnv } from '../../env.ts'
import { schema } from './shop.ts'

/** A database with the tables of the shop. */
export interface Subject {
  readonly kind: 'sqlite' | 'postgres'
  query(statement: Statement): Promise<Row[]>
  dispose(): Promise<void>
}

export type Open = () => Promise<Subject>

const all = defineRole({ name: 'all', allObjects: { read: true } })
/** Reads orders, but neither customers nor amounts. */
const clerk = defineRole({
  name: 'clerk',
  objects: { Order__c: { read: true, fields: { Amount: { read: false } } } },
})

/** Tuesday. */
export const now = Date.parse('2026-11-24T15:00:00Z')

export function envOf(subject: Subject, change: Partial<Caller> = {}): RecordsEnv {
  const database: RecordsDatabase = {
    kind: subject.kind,
    query: (statement) => subject.query(statement),
    async *stream(statement) {
      yield await subject.query(statement)
    },
  }
  const caller: Caller = {
    tenant: 'acme',
    principal: { id: 'p1', roles: ['all'] },
    timeZone: 'UTC',
    now,
    ...change,
  }
  // Reading needs nothing else.
  return { database, schema, access: new Access(schema, [all, clerk]), caller } as unknown as RecordsEnv
}

export async function insert(
  subject: Subject,
  table: string,
  row: Readonly<Record<string, unknown>>,
): Promise<void> {
  const names = Object.keys(row)
  const segments = names.map((_, at) =>
    at === 0 ? `insert into ${table} (${names.join(', ')}) values (` : ', ',
  )
  await subject.query({ segments: [...segments, ')'], params: Object.values(row) })
}

const truth = ({ kind }: Subject, value: boolean | null): unknown =>
  value === null || kind === 'postgres' ? value : Number(value)

/** Five customers of acme, one of globex, and their orders. */
export async function fillShop(subject: Subject): Promise<void> {
  for (const [id, name] of [
    ['p1', 'Ann'],
    ['p2', 'Bob'],
  ])
    await insert(subject, 'person', { id, name })
  const customers = [
    ['c1', 'acme', 'Acme', 'hot', 'a;b', 100, true, '2020-01-15', '2026-11-24T10:00:00.000Z', 'p1'],
    ['c2', 'acme', 'beta', 'warm', 'b', 50, false, '2021-06-01', '2026-11-23T23:30:00.000Z', 'p2'],
    ['c3', 'acme', 'Gamma', 'cold', null, null, null, null, null, 'p1'],
    ['c4', 'acme', 'acme 50%_x', 'hot', 'c', 100, true, '2026-11-24', '2026-11-24T23:30:00.000Z', null],
    ['c5', 'acme', 'Delta, Inc', null, 'a;c', 7, true, '2026-10-31', '2026-10-01T00:00:00.000Z', 'p2'],
    ['x1', 'globex', 'MARKER', 'hot', 'a;b', 100, true, '2020-01-15', '2026-11-24T10:00:00.000Z', 'p1'],
  ] as const
  for (const [id, tenant, name, rating, topics, employees, active, since, seen, owner] of customers)
    await insert(subject, 'customer', {
      ...{ id, tenant, name, rating, topics, employees, active: truth(subject, active), since },
      ...{ seen_at: seen, owner_id: owner, extra: '{"a":1}' },
    })
  const orders = [
    [
      'o1',
      'acme',
      'A-1',
      100,
      1.5,
      1,
      'open',
      '2026-11-24T10:00:00.000Z',
      '2026-12-01',
      'c1',
      'c1',
      'Customer',
    ],
    [
      'o2',
      'acme',
      'A-2',
      250.5,
      0.25,
      2,
      'paid',
      '2026-11-01T08:00:00.000Z',
      '2026-11-15',
      'c1',
      'p2',
      'Person',
    ],
    ['o3', 'acme', 'A-3', 49.5, null, 3, 'paid', '2026-10-31T23:30:00.000Z', null, 'c2', null, null],
    ['o4', 'acme', 'A-4', null, 4, 4, 'void', '2026-08-15T12:00:00.000Z', '2026-08-15', 'c2', null, null],
    ['o5', 'acme', 'A-5', 1_000, 2, 2, 'open', '2025-12-31T23:00:00.000Z', '2026-01-01', 'c4', null, null],
    ['o6', 'acme', 'A-6', 100, 1, null, null, null, null, null, null, null],
    [
      'y1',
      'globex',
      'MARKER',
      9_999,
      9,
      9,
      'open',
      '2026-11-24T10:00:00.000Z',
      '2026-12-01',
      'x1',
      null,
      null,
    ],
    [
      'y2',
      'globex',
      'MARKER',
      9_999,
      9,
      9,
      'open',
      '2026-11-24T10:00:00.000Z',
      '2026-12-01',
      'c3',
      null,
      null,
    ],
  ] as const
  for (const [
    id,
    tenant,
    code,
    amount,
    weight,
    quantity,
    status,
    placed,
    due,
    customer,
    about,
    type,
  ] of orders)
    await insert(subject, 'orders', {
      ...{ id, tenant, code, amount, weight, quantity, status, placed_at: placed, due },
      ...{ customer_id: customer, about_id: about, about_type: type },
    })
}
