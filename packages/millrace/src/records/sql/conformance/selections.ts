import { describe, expect, test } from 'vitest'
import { compileIds } from '../compile.ts'
import { caller, envFor } from '../test-support/records.ts'
import {
  bind,
  by,
  call,
  dateLiteral,
  f,
  from,
  inQuery,
  is,
  isIn,
  js,
  like,
  not,
} from '../test-support/query.ts'
import { asker, type Subject } from './subject.ts'

export function selections(subject: () => Subject): void {
  const { rows, ids } = asker(subject)

  describe('fields', () => {
    test('have the values of their types', async () => {
      const [row] = await rows(
        from('Account', [{ kind: 'fields', which: 'all' }], { where: is('Id', '=', 'a1') }),
      )
      expect(row).toEqual({
        ...{
          Id: 'a1',
          Tenant: 'acme',
          Name: 'Élan',
          Code: 'X1',
          Rating: 'Hot',
          Topics: ['a', 'b'],
          Revenue: 100.5,
          Score: 0.1,
        },
        ...{ Employees: 10, Founded: '2026-11-24', SeenAt: new Date('2026-11-24T23:30:00Z') },
        ...{
          PingedAt: new Date('2026-11-24T23:30:00.250Z'),
          SyncedAt: new Date('2026-11-24T23:30:00Z'),
          Active: true,
        },
        ...{ Extra: { x: [1, 2] }, OwnerId: 1, ParentId: null, IsDeleted: null, Secret__c: 's1' },
      })
    })
    test('come by alias, by kind, and once', async () => {
      const where = is('Id', '=', 'a1')
      expect(
        await rows(
          from('Account', [{ kind: 'field', path: ['Name'], alias: 'n' }, 'Name', 'a.name'], {
            where,
            alias: 'a',
          }),
        ),
      ).toEqual([{ n: 'Élan', Name: 'Élan' }])
      expect(await rows(from('Account', [{ kind: 'fields', which: 'custom' }], { where }))).toEqual([
        { Secret__c: 's1' },
      ])
    })
    test('of parents are records in the record, null where there is none', async () => {
      const select = ['Id', 'Parent.Name', 'Parent.Parent.Id', 'Parent.Owner.Name', 'Owner.Name']
      const found = await rows(from('Account', select, { orderBy: [by('Id')] }))
      expect(found).toEqual([
        { Id: 'a1', Parent: null, Owner: { Name: 'Ann' } },
        { Id: 'a2', Parent: { Name: 'Élan', Parent: null, Owner: { Name: 'Ann' } }, Owner: { Name: 'bob' } },
        // Of a parent that is deleted.
        { Id: 'a3', Parent: { Name: '', Parent: null, Owner: null }, Owner: null },
        { Id: 'a4', Parent: null, Owner: { Name: 'Ann' } },
        // Another tenant's.
        { Id: 'a6', Parent: null, Owner: null },
      ])
    })
    test('of one parent of several kinds', async () => {
      const branches = [
        { object: 'Account', fields: [['Name'], ['Revenue']] },
        { object: 'contact', fields: [['LastName']] },
      ]
      const what = { kind: 'typeof', relationship: ['What'], when: branches, otherwise: [['Id']] } as const
      expect(await rows(from('Task', ['Id', what], { orderBy: [by('Id')] }))).toEqual([
        { Id: 't1', What: { attributes: { type: 'Account' }, Name: 'Élan', Revenue: 100.5 } },
        { Id: 't2', What: { attributes: { type: 'Contact' }, LastName: 'Young' } },
        { Id: 't3', What: null },
      ])
      expect(
        await rows(from('Task', ['What.Type', 'What.Id', 'What.Name'], { orderBy: [by('Id')] })),
      ).toEqual([
        { What: { Type: 'Account', Id: 'a1', Name: 'Élan' } },
        { What: { Type: 'Contact', Id: 'c1', Name: null } },
        { What: null },
      ])
      expect(await ids(is('What.Type', '=', 'Account'), {}, 'Task')).toBe('t1')
    })
    test('have labels and a way to be written', async () => {
      const [row] = await rows(
        from(
          'Account',
          [{ ...call('TOLABEL', f('Rating')) }, { ...call('FORMAT', f('Founded')), alias: 'day' }],
          {
            where: is(call('TOLABEL', f('Rating')), '=', 'ICE'),
          },
        ),
      )
      expect(row).toEqual({ Rating: 'Ice', day: null })
      const formatted = await rows(
        from(
          'Account',
          [
            call('FORMAT', f('SeenAt')),
            call('FORMAT', f('Revenue')),
            call('CALENDAR_YEAR', f('Founded')),
            call('TOLABEL', f('Parent.Rating')),
          ],
          {
            where: is('Id', '=', 'a1'),
          },
        ),
        { caller: { ...caller, timeZone: 'Europe/Berlin' } },
      )
      expect(formatted).toEqual([
        { SeenAt: '11/25/2026, 12:30 AM', Revenue: '100.5', expr0: 2026, Parent: null },
      ])
    })
  })

  describe('children', () => {
    const contacts = (query: Parameters<typeof from>[2] = {}) =>
      ({
        kind: 'children',
        relationship: 'contacts',
        query: {
          select: [f('LastName'), f('Age'), f('Account.Name')],
          orderBy: [by('LastName'), by('Age')],
          ...query,
        },
      }) as const
    test('are lists in their own order, of the tenant', async () => {
      const found = await rows(
        from('Account', ['Id', contacts()], { where: isIn('Id', 'a1', 'a2', 'a3'), orderBy: [by('Id')] }),
      )
      expect(found).toEqual([
        {
          Id: 'a1',
          Contacts: [
            { LastName: 'ABEL', Age: null, Account: { Name: 'Élan' } },
            { LastName: 'Young', Age: 40, Account: { Name: 'Élan' } },
          ],
        },
        { Id: 'a2', Contacts: [{ LastName: 'abel', Age: 20, Account: { Name: 'élan' } }] },
        { Id: 'a3', Contacts: [] },
      ])
    })
    test('have conditions and a limit of their own', async () => {
      const one = contacts({ where: is('Age', '=', null), limit: { kind: 'number', value: 1 } })
      expect(await rows(from('Account', [one], { where: is('Id', '=', 'a1') }))).toEqual([
        { Contacts: [{ LastName: 'ABEL', Age: null, Account: { Name: 'Élan' } }] },
      ])
    })
    test('keep the types of their values, also in children of children', async () => {
      const accounts = {
        kind: 'children',
        relationship: 'Accounts',
        query: {
          select: [
            f('Id'),
            f('SeenAt'),
            f('PingedAt'),
            f('Founded'),
            f('Active'),
            f('Extra'),
            f('Topics'),
            f('Revenue'),
            contacts(),
          ],
          where: is('Name', '=', 'élan'),
        },
      } as const
      const found = await rows(from('User', ['Id', accounts], { where: is('Id', '=', 1) }))
      expect(found).toEqual([
        {
          Id: 1,
          Accounts: [
            {
              ...{
                Id: 'a1',
                SeenAt: new Date('2026-11-24T23:30:00Z'),
                PingedAt: new Date('2026-11-24T23:30:00.250Z'),
              },
              ...{
                Founded: '2026-11-24',
                Active: true,
                Extra: { x: [1, 2] },
                Topics: ['a', 'b'],
                Revenue: 100.5,
              },
              Contacts: [
                { LastName: 'ABEL', Age: null, Account: { Name: 'Élan' } },
                { LastName: 'Young', Age: 40, Account: { Name: 'Élan' } },
              ],
            },
          ],
        },
      ])
    })
    test('of a reference to several objects are those that point here', async () => {
      const tasks = { kind: 'children', relationship: 'Tasks', query: { select: [f('Subject')] } } as const
      expect(await rows(from('Contact', [tasks], { where: is('Id', '=', 'c1') }))).toEqual([
        { Tasks: [{ Subject: 'Mail' }] },
      ])
    })
    test('may have more fields than a function takes arguments', async () => {
      const many = Array.from(
        { length: 230 },
        (_, at) => ({ kind: 'field', path: ['Age'], alias: `n${at}` }) as const,
      )
      const child = { kind: 'children', relationship: 'Contacts', query: { select: many } } as const
      const [row] = await rows(from('Account', [child], { where: is('Id', '=', 'a2') }))
      const [contact] = row?.['Contacts'] as Record<string, unknown>[]
      expect(Object.keys(contact ?? {})).toHaveLength(230)
      expect(contact?.['n229']).toBe(20)
    })
  })

  describe('other queries', () => {
    test('give the ids that a field is in, or is not', async () => {
      const contacts = from('Contact', ['AccountId'], { where: like('LastName', 'ab%') })
      expect(await ids(inQuery('Id', contacts))).toBe('a1 a2')
      expect(await ids(inQuery('Id', contacts, true))).toBe('a3 a4 a6')
      expect(await ids(not(inQuery('Id', contacts, true)))).toBe('a1 a2')
      // c4 has no account; that hides nothing.
      expect(await ids(inQuery('Id', from('Contact', ['AccountId']), true))).toBe('a3 a4 a6')
      expect(await ids(inQuery('ParentId', from('Account', ['Id']), true))).toBe('a1 a3 a4 a6')
      expect(await ids(inQuery('Name', from('Account', ['Parent.Name'])))).toBe('a1 a2')
      expect(await ids(inQuery('Name', from('Account', ['Parent.Name']), true))).toBe('a3 a4 a6')
      expect(await ids(inQuery('Name', from('Contact', ['Account.Name']), true))).toBe('a3 a4 a6')
    })
  })

  describe('order and limit', () => {
    const ordered = async (...orderBy: ReturnType<typeof by>[]): Promise<string> =>
      (await rows(from('Account', ['Id'], { orderBy: [...orderBy, by('Id')] })))
        .map((row) => row['Id'])
        .join(' ')
    test('put nulls where they are wanted', async () => {
      expect(await ordered(by('Employees'))).toBe('a4 a6 a1 a2 a3')
      expect(await ordered(by('Employees', true))).toBe('a4 a6 a3 a2 a1')
      expect(await ordered(by('Employees', false, 'last'))).toBe('a1 a2 a3 a4 a6')
      expect(await ordered(by('Employees', true, 'last'))).toBe('a3 a2 a1 a4 a6')
      expect(await ordered(by('Owner.Name', true, 'last'))).toBe('a2 a1 a4 a3 a6')
    })
    test('sort text by its lower case and picklists by their values', async () => {
      expect(await ordered(by('Name'))).toBe('a4 a6 a3 a1 a2')
      expect(await ordered(by('Rating', false, 'last'))).toBe('a1 a2 a3 a4 a6')
      expect(await ordered(by('Rating', true))).toBe('a4 a6 a3 a2 a1')
      expect(await ordered(by('Code', false, 'last'))).toBe('a1 a3 a2 a4 a6')
    })
    test('cut', async () => {
      const cut = async (limit: number | undefined, offset?: number): Promise<unknown[]> =>
        (
          await rows(
            from('Account', ['Id'], {
              orderBy: [by('Id')],
              ...(limit === undefined ? {} : { limit: { kind: 'number', value: limit } }),
              ...(offset === undefined ? {} : { offset: js(offset) }),
            }),
          )
        ).map((row) => row['Id'])
      expect(await cut(2)).toEqual(['a1', 'a2'])
      expect(await cut(2, 3)).toEqual(['a4', 'a6'])
      expect(await cut(undefined, 4)).toEqual(['a6'])
      expect(await cut(0)).toEqual([])
    })
    test('lock rows where the database does', async () => {
      expect(
        await rows(from('Account', ['Id', 'Parent.Name'], { where: is('Id', '=', 'a2'), forUpdate: true })),
      ).toHaveLength(1)
    })
  })

  describe('pages', () => {
    const query = from('Account', ['Name'], {
      orderBy: [by('Name', true)],
      limit: { kind: 'number', value: 1 },
    })
    test('go by id between two of them', async () => {
      const page = await rows(
        { ...query, select: [f('Id')] },
        { range: { after: 'a1', upTo: 'a4', limit: 2 } },
      )
      expect(page).toEqual([{ Id: 'a2' }, { Id: 'a3' }])
      expect(await rows(from('User', ['Id']), { range: { after: 1, limit: 5 } })).toEqual([{ Id: 2 }])
    })
    test('are made of ids in the order of the query', async () => {
      const { records } = subject()
      const { kind } = records
      const all = { ...query, limit: js(3), where: is('Owner.Name', '!=', 'bob') }
      expect(await records.run(compileIds(all, envFor(kind)))).toEqual([
        { id: 'a4' },
        { id: 'a1' },
        { id: 'a3' },
      ])
      expect(await records.run(compileIds(all, envFor(kind, { range: { limit: 2 } })))).toEqual([
        { id: 'a1' },
        { id: 'a3' },
      ])
    })
  })

  describe('whose', () => {
    test('tenant, everywhere', async () => {
      const other = { caller: { ...caller, tenant: 'other' } }
      expect(await ids(undefined, other)).toBe('b1')
      expect(await ids(inQuery('Id', from('Account', ['ParentId'])), other)).toBe('')
      expect(
        await ids(inQuery('Id', from('Contact', ['AccountId'], { where: is('LastName', '=', 'Spy') }))),
      ).toBe('')
      expect(await rows(from('Account', [{ kind: 'count' }]), other)).toEqual([{ count: 1 }])
      expect(await rows(from('Account', [call('COUNT', f('Id'))]), other)).toEqual([{ expr0: 1 }])
      expect(await ids(is('Account.Name', '!=', null), other, 'Contact')).toBe('')
    })
    test('owner, in the scope mine', async () => {
      const ann = { caller: { ...caller, principal: { id: '1', roles: [] } } }
      const mine = from('Account', ['Id'], { scope: 'mine', orderBy: [by('Id')] })
      expect(await rows(mine, ann)).toEqual([{ Id: 'a1' }, { Id: 'a4' }])
      expect(await rows(mine, { caller: { ...caller, principal: { id: 'nobody', roles: [] } } })).toEqual([])
    })
    test('deleted ones by ALL ROWS alone', async () => {
      const all = from('Account', ['Id'], { allRows: true, orderBy: [by('Id')] })
      expect((await rows(all)).map((row) => row['Id'])).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6'])
    })
    test('bind values by name and path', async () => {
      const binds = { account: { Id: 'a2' }, 'x.y': 'a3' }
      expect(await ids(isIn('Id', bind('account.Id'), bind('x.y')), { binds })).toBe('a2 a3')
      expect(await ids(is('SeenAt', '<', dateLiteral('N_DAYS_AGO', 0)))).toBe('')
    })
  })
}
