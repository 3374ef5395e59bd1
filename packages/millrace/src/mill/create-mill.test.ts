import { expect, test, vi } from 'vitest'
import {
  defineListView,
  defineObject,
  defineQueueable,
  defineRole,
  defineTrigger,
  id,
  reference,
  type MillConfig,
} from '../index.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import { assemble } from './create-mill.ts'

const Account = defineObject({ name: 'Account', table: 'accounts', fields: { Id: id({ column: 'id' }) } })
const Contact = defineObject({
  name: 'Contact',
  table: 'contacts',
  fields: { Id: id({ column: 'id' }), AccountId: reference('Account', { column: 'account_id' }) },
})
const trigger = defineTrigger(Account, { name: 'on-account', after: ['insert'] }, () => undefined)
const role = defineRole({ name: 'clerk', objects: { Accunt: { read: true } } })
const view = defineListView({ name: 'all', object: 'Account', columns: ['Nme'] })

test.each([
  ['MILL_OBJECT_INVALID', [Contact]],
  ['MILL_OBJECT_INVALID', [Account, { ...Account }]],
  ['MILL_ROLE_INVALID', [Account, role]],
  ['MILL_TRIGGER_INVALID', [trigger]],
  ['MILL_SAVED_QUERY_INVALID', [Account, view]],
] satisfies [string, MillConfig['definitions']][])(
  'what does not fit together leaves no storage open: %s',
  async (code, definitions) => {
    const closed = vi.fn<() => void>()
    const wrapStorage = (storage: Storage): Storage =>
      new Proxy(storage, {
        get(target, name) {
          if (name === 'close') closed()
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
    await expect(
      assemble({ storage: 'sqlite::memory:', definitions }, { wrapStorage }),
    ).rejects.toMatchObject({ code })
    expect(closed).toHaveBeenCalledOnce()
  },
)

test('the name of the notices is taken', async () => {
  const own = defineQueueable({ name: 'records-changed', execute: () => undefined })
  await expect(assemble({ storage: 'sqlite::memory:', definitions: [own] }, {})).rejects.toMatchObject({
    code: 'MILL_DEFINITION_DUPLICATE',
  })
})
