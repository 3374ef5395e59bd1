import type { CompileEnv, ResultRecord } from '../compile.ts'
import type { Query } from '../../query/query.ts'
import { ask, type TestRecords } from '../test-support/records.ts'
import { by, from } from '../test-support/query.ts'

/** A database with the rows of `fill`. */
export interface Subject {
  readonly records: TestRecords
  dispose(): Promise<void>
}
export type Open = () => Promise<Subject>

const bool = (records: TestRecords, value: boolean): unknown =>
  records.kind === 'sqlite' ? Number(value) : value

export async function fill(records: TestRecords): Promise<void> {
  const account = (row: Readonly<Record<string, unknown>>): Promise<void> =>
    records.insert('account', { tenant: 'acme', ...row })
  await records.insert('app_user', { id: 1, name: 'Ann', active: bool(records, true) })
  await records.insert('app_user', { id: 2, name: 'bob', active: null })
  await account({
    ...{
      id: 'a1',
      name: 'Élan',
      code: 'X1',
      rating: 'Hot',
      topics: 'a;b',
      revenue: 100.5,
      score: 0.1,
      employees: 10,
    },
    ...{
      founded: '2026-11-24',
      seen_at: '2026-11-24T23:30:00.000Z',
      pinged_at: Date.parse('2026-11-24T23:30:00.250Z'),
    },
    ...{ synced_at: Date.parse('2026-11-24T23:30:00Z') / 1000, active: bool(records, true), owner_id: 1 },
    ...{ extra: '{"x":[1,2]}', secret: 's1' },
  })
  await account({
    ...{
      id: 'a2',
      name: 'élan',
      code: 'x1',
      rating: 'Warm',
      topics: 'b',
      revenue: 50,
      score: 0.2,
      employees: 20,
    },
    ...{
      founded: '2026-01-31',
      seen_at: '2026-11-25T05:30:00.000Z',
      pinged_at: Date.parse('2026-11-25T05:30:00Z'),
    },
    ...{
      synced_at: Date.parse('2026-11-25T05:30:00Z') / 1000,
      active: bool(records, false),
      owner_id: 2,
      parent_id: 'a1',
    },
  })
  await account({
    id: 'a3',
    name: '50%_off\\x',
    code: 'Y',
    rating: 'Cold',
    topics: 'ab',
    employees: 30,
    parent_id: 'a5',
  })
  await account({ id: 'a4', name: null, owner_id: 1, revenue: 7, deleted: bool(records, false) })
  await account({ id: 'a5', name: '', parent_id: 'b1', deleted: bool(records, true) })
  await account({ id: 'a6', name: '', parent_id: 'b1', founded: '2024-02-29' })
  await account({ id: 'b1', tenant: 'other', name: 'Élan', parent_id: 'a1', owner_id: 1 })
  const contact = (row: Readonly<Record<string, unknown>>): Promise<void> =>
    records.insert('contact', { tenant: 'acme', ...row })
  await contact({ id: 'c1', last_name: 'Young', age: 40, account_id: 'a1' })
  await contact({ id: 'c2', last_name: 'ABEL', age: null, account_id: 'a1' })
  await contact({ id: 'c3', last_name: 'abel', age: 20, account_id: 'a2' })
  await contact({ id: 'c4', last_name: null, age: 5, account_id: null })
  await contact({ id: 'c9', last_name: 'Spy', age: 9, account_id: 'a1', tenant: 'other' })
  await records.insert('task', {
    id: 't1',
    subject: 'Call',
    due: '2026-03-29T00:30:00.000Z',
    what_id: 'a1',
    what_type: 'Account',
  })
  await records.insert('task', {
    id: 't2',
    subject: 'Mail',
    due: '2026-03-29T01:30:00.000Z',
    what_id: 'c1',
    what_type: 'Contact',
  })
  await records.insert('task', { id: 't3', subject: 'Wait' })
}

type Ask = (query: Query, more?: Partial<CompileEnv>) => Promise<ResultRecord[]>
type Ids = (where: Query['where'], more?: Partial<CompileEnv>, object?: string) => Promise<string>

/** The rows of the query, and the ids of the accounts that fulfil a condition, in one text. */
export function asker(subject: () => Subject): { readonly rows: Ask; readonly ids: Ids } {
  const rows: Ask = (query, more) => ask(subject().records, query, more)
  return {
    rows,
    ids: async (where, more, object = 'Account') => {
      const found = await rows(from(object, ['Id'], { ...(where && { where }), orderBy: [by('Id')] }), more)
      return found.map((row) => String(row['Id'])).join(' ')
    },
  }
}
