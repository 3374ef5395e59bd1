import { describe, expect, test } from 'vitest'
import type { MillraceError } from '../../rules/errors.ts'
import type { DocumentKey } from '../documents.ts'
import { Bench, expectError, fresh } from './fixtures.ts'
import type { Open } from './subject.ts'

const first = { expected: null, by: 'ann' } as const
const bodies = [
  'null',
  '{ "b" : 1,\n\t"a":[ 1 , 2 ],"b":2 }',
  '[1e400,1.0,-0,12345678901234567890,0.1000]',
  JSON.stringify(`it's "q" \\ \\\\ \` $1 $$ ? :a @b %s -- /* */ ; Ünïcødé \u{1f525}`),
  JSON.stringify('x'.repeat(1_048_576)),
]

/** What the error of a refused write tells. */
async function conflictOf(work: Promise<unknown>): Promise<unknown> {
  await expectError(work, 'MILL_DOCUMENT_CONFLICT')
  return await work.catch((error: unknown) => (error as MillraceError).data)
}

export function documents(open: Open): void {
  const keyOf = (change: Partial<DocumentKey> = {}): DocumentKey => ({
    kind: 'view',
    name: fresh('doc'),
    tenant: null,
    ...change,
  })

  describe('documents', () => {
    const bench = new Bench(open)

    test('are versions, and all of them are kept', async () => {
      const { documents } = bench.storage
      const key = keyOf()
      expect(await documents.get(key)).toBeNull()
      expect(await documents.versions(key, { before: null, limit: 10 })).toEqual([])
      const before = Math.floor(await bench.storage.now())
      const one = await documents.put(key, { body: '{"a":1}', ...first })
      expect(one).toEqual({ ...key, version: 1, body: '{"a":1}', by: 'ann', at: one.at })
      expect(one.at).toBeGreaterThanOrEqual(before)
      expect(one.at - before).toBeLessThan(60_000)
      const two = await documents.put(key, { body: '{"a":2}', expected: 1, by: null })
      expect(two).toMatchObject({ version: 2, by: null })
      expect(await documents.get(key)).toEqual(two)
      expect(await documents.version(key, 1)).toEqual(one)
      expect(await documents.version(key, 3)).toBeNull()
      expect(await documents.versions(key, { before: null, limit: 10 })).toEqual([two, one])
      expect(await documents.versions(key, { before: null, limit: 1 })).toEqual([two])
      expect(await documents.versions(key, { before: 2, limit: 10 })).toEqual([one])
    })

    test.for(bodies)('come back letter by letter (%#)', async (body) => {
      const key = keyOf()
      await bench.storage.documents.put(key, { body, ...first })
      expect((await bench.storage.documents.get(key))?.body).toBe(body)
    })

    test.for([
      ['a new one that is there', null, 2],
      ['a version that was followed', 1, 2],
      ['a version to come', 3, 2],
    ] as const)('refuse %s, and write nothing', async ([, expected, version]) => {
      const { documents } = bench.storage
      const key = keyOf()
      await documents.put(key, { body: '1', ...first })
      await documents.put(key, { body: '2', expected: 1, by: null })
      const put = documents.put(key, { body: '3', expected, by: null })
      expect(await conflictOf(put)).toEqual({ ...key, expected, version, removed: false })
      if (expected !== null)
        await expectError(documents.remove(key, { expected, by: null }), 'MILL_DOCUMENT_CONFLICT')
      expect(await documents.get(key)).toMatchObject({ version: 2, body: '2' })
      expect(await documents.versions(key, { before: null, limit: 10 })).toHaveLength(2)
    })

    test('refuse to follow what never was', async () => {
      const key = keyOf()
      const put = bench.storage.documents.put(key, { body: '1', expected: 1, by: null })
      expect(await conflictOf(put)).toMatchObject({ expected: 1, version: null, removed: false })
      expect(await bench.storage.documents.get(key)).toBeNull()
    })

    test('are removed by a version, and made anew after it', async () => {
      const { documents } = bench.storage
      const key = keyOf()
      await documents.put(key, { body: '1', ...first })
      const gone = await documents.remove(key, { expected: 1, by: 'bob' })
      expect(gone).toEqual({ ...key, version: 2, body: null, by: 'bob', at: gone.at })
      expect(await documents.get(key)).toBeNull()
      expect(await documents.find(key)).toBeNull()
      expect(await documents.version(key, 2)).toEqual(gone)
      expect(await documents.version(key, 1)).toMatchObject({ body: '1' })
      const late = documents.put(key, { body: '2', expected: 1, by: null })
      expect(await conflictOf(late)).toMatchObject({ version: 2, removed: true })
      await expectError(documents.remove(key, { expected: 2, by: null }), 'MILL_DOCUMENT_CONFLICT')
      expect(await documents.put(key, { body: '3', ...first })).toMatchObject({ version: 3 })
      expect(await documents.get(key)).toMatchObject({ version: 3, body: '3' })
    })

    test('have one winner of many editors', async () => {
      const key = keyOf()
      await bench.storage.documents.put(key, { body: '0', ...first })
      const processes = await bench.several(4)
      const answers = await Promise.allSettled(
        processes.map(({ documents }, index) =>
          documents.put(key, { body: String(index + 1), expected: 1, by: String(index) }),
        ),
      )
      const won = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
      expect(won).toHaveLength(1)
      for (const answer of answers)
        if (answer.status === 'rejected')
          expect(answer.reason).toMatchObject({ code: 'MILL_DOCUMENT_CONFLICT', data: { version: 2 } })
      expect(await bench.storage.documents.get(key)).toEqual(won[0])
    })

    test('have one maker of many', async () => {
      const key = keyOf()
      const processes = await bench.several(4)
      const answers = await Promise.allSettled(
        processes.map(({ documents }) => documents.put(key, { body: '1', ...first })),
      )
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await bench.storage.documents.versions(key, { before: null, limit: 10 })).toHaveLength(1)
    })

    test('of one kind, tenant or spelling are not those of another', async () => {
      const { documents } = bench.storage
      const key = keyOf()
      const others = [
        { ...key, kind: 'flow' },
        { ...key, tenant: 'acme' },
        { ...key, name: key.name.toUpperCase() },
      ]
      await documents.put(key, { body: '1', ...first })
      for (const other of others) {
        expect(await documents.get(other)).toBeNull()
        expect(await documents.put(other, { body: '2', ...first })).toMatchObject({ ...other, version: 1 })
      }
      expect(await documents.get(key)).toMatchObject({ version: 1, body: '1' })
    })

    test('of a tenant come before those of all, until they are removed', async () => {
      const { documents } = bench.storage
      const [shared, own] = [keyOf({ kind: fresh('kind') }), 'acme']
      const key = { ...shared, tenant: own }
      await documents.put(shared, { body: '"all"', ...first })
      expect(await documents.find(key)).toMatchObject({ tenant: null, body: '"all"' })
      await documents.put(key, { body: '"own"', ...first })
      expect(await documents.find(key)).toMatchObject({ tenant: own, body: '"own"' })
      expect(await documents.find({ ...key, tenant: 'globex' })).toMatchObject({ tenant: null })
      expect(await documents.find(shared)).toMatchObject({ tenant: null })
      await documents.remove(key, { expected: 1, by: null })
      expect(await documents.find(key)).toMatchObject({ tenant: null, body: '"all"' })
      const page = await documents.list(shared.kind, own, { after: null, limit: 10 })
      expect(page.map(({ body }) => body)).toEqual(['"all"'])
    })

    test('are listed by name in pages, as a tenant sees them', async () => {
      const { documents } = bench.storage
      const kind = fresh('kind')
      const put = async (tenant: string | null, name: string): Promise<unknown> =>
        await documents.put({ kind, tenant, name }, { body: JSON.stringify(tenant), ...first })
      for (const name of ['b', 'a-1', 'B', 'c', 'a_1', 'gone']) await put(null, name)
      for (const name of ['c', 'd']) await put('acme', name)
      await put('globex', 'e')
      await documents.remove({ kind, tenant: null, name: 'gone' }, { expected: 1, by: null })
      const listed = async (tenant: string | null, after: string | null, limit: number): Promise<string[]> =>
        (await documents.list(kind, tenant, { after, limit })).map((one) => `${one.name} ${one.body}`)
      const all = ['B null', 'a-1 null', 'a_1 null', 'b null']
      expect(await listed('acme', null, 10)).toEqual([...all, 'c "acme"', 'd "acme"'])
      expect(await listed(null, null, 10)).toEqual([...all, 'c null'])
      expect(await listed('acme', null, 2)).toEqual(all.slice(0, 2))
      expect(await listed('acme', 'a-1', 3)).toEqual([...all.slice(2), 'c "acme"'])
      expect(await listed('acme', 'd', 3)).toEqual([])
    })
  })
}
