import { beforeAll, describe, expect, test } from 'vitest'
import { defineBatch, type FailedChunk, type Mill } from '../../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from '../support/bench.ts'
import { rejection } from '../support/until.ts'
import { applied, createItems, fill, increment, Item } from './items.ts'

const all = await places()

async function fileOf(mill: Mill, id: string): Promise<string> {
  let text = ''
  for await (const piece of mill.batches.exportFailed(id)) text += piece
  return text
}

describe.each(all)('$kind: failed records as a file', (place) => {
  const bench = new Bench(place)
  beforeAll(() => createItems(place))

  test('rows: grouped, exported, mended, imported, run again; the case closes', async () => {
    const done: unknown[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 1 },
      scope: 3,
      start: () =>
        Array.from({ length: 9 }, (_, n) => ({ n, name: n === 4 ? '=4' : `name ${n}`, at: new Date(n) })),
      async execute(scope) {
        for (const { n } of scope) {
          if (n === 1) throw new RangeError('one is bad')
          if (n === 4 || n === 7) throw new TypeError(`not ${n === 4 ? 'that' : 'that'}`)
        }
        done.push(...scope)
      },
    })
    const mill = await bench.working({ definitions: [batch] })
    const { id } = await mill.enqueue(batch, null)
    await bench.ended(mill, id)
    expect(await mill.batches.failures(id)).toEqual([
      { code: null, name: 'TypeError', message: 'not that', chunks: 2, records: 6 },
      { code: null, name: 'RangeError', message: 'one is bad', chunks: 1, records: 3 },
    ])
    expect((await mill.jobs.get(id)).progress).toMatchObject({ failed: 9, setAside: 9 })

    const lines = (await fileOf(mill, id)).split('\r\n')
    expect(lines[0]).toBe('_record,_code,_error,_tries,n,name,at')
    expect(lines).toHaveLength(11)
    expect(lines[5]).toMatch(/^1\/1\/[0-9a-f]{12},TypeError,not that,1,4,'=4,1970-01-01T00:00:00\.004Z$/)
    // Two of the second set and the one bad record of the third, mended; the first set waits.
    const mended = [lines[0], lines[5]?.replace(',4,', ',40,'), lines[6], lines[8]?.replace(',7,', ',70,')]
    const retry = await mill.batches.importFailed(id, mended.join('\n'))
    await bench.ended(mill, retry.id)
    expect(done).toEqual([
      { n: 40, name: '=4', at: new Date(4) },
      { n: 5, name: 'name 5', at: new Date(5) },
      { n: 70, name: 'name 7', at: new Date(7) },
    ])
    expect((await mill.jobs.get(retry.id)).progress).toMatchObject({ total: 3, processed: 3 })
    expect((await mill.jobs.get(id)).progress).toMatchObject({ failed: 9, setAside: 6 })
    // The file of before names what is done, or has moved.
    expect(await rejection(mill.batches.importFailed(id, mended.join('\n')))).toMatchObject({
      code: 'MILL_BATCH_CSV_INVALID',
      data: { count: 3 },
    })
    const rest = (await fileOf(mill, id)).replace(',1,', ',10,').replace(/,1,name 1/, ',10,name 1')
    const lastRetry = await mill.batches.importFailed(id, [new TextEncoder().encode(rest)])
    await bench.ended(mill, lastRetry.id)
    expect(done.length).toBe(9)
    expect(await mill.batches.failures(id)).toEqual([])
    expect((await mill.jobs.get(id)).progress).toMatchObject({ failed: 9, setAside: 0 })
    expect(await fileOf(mill, id)).toBe('_record,_code,_error,_tries\r\n')
  })

  test('queries: the id decides, nobody else takes what a file was given, and nothing is written that is wrong', async () => {
    await fill(place, 10, [2, 3])
    const told: FailedChunk[] = []
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 1 },
      scope: 5,
      start: (_input: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      execute: increment,
      async onChunkFailed(failed, ctx) {
        told.push(failed)
        await note(ctx, `chunk ${failed.chunk}`)
      },
    })
    const mill = await bench.working({ definitions: [batch, Item] })
    const { id } = await mill.enqueue(batch, null)
    await bench.ended(mill, id)
    expect(told).toEqual([
      expect.objectContaining({ jobId: id, phase: 'execute', chunk: 1, ids: [1, 2, 3, 4, 5], records: null }),
    ])
    expect(told[0]?.exception.message).toBe('record 2 is bad')
    expect(await bench.notes(id)).toEqual(['chunk 1'])
    const line = bench.heard(mill).logs.find(({ message }) => message.includes('MILL_BATCH_CHUNK_FAILED'))
    expect(line).toMatchObject({ fields: { jobId: id, phase: 'execute', ids: [1, 2, 3, 4, 5] } })

    const lines = (await fileOf(mill, id)).trimEnd().split('\r\n')
    const before = await mill.batches.failed(id)
    for (const bad of [
      lines.map((one) => one.replace(/,2$/, ',22')),
      [...lines, lines[1]],
      lines.slice(1),
      [],
    ])
      expect(await rejection(mill.batches.importFailed(id, bad.join('\r\n')))).toMatchObject({
        code: 'MILL_BATCH_CSV_INVALID',
      })
    expect(await mill.batches.failed(id)).toEqual(before)

    await mill.pause({ kind: 'name', value: batch.name })
    const good = [lines[0], lines[1], lines[4], lines[5]].join('\r\n')
    const first = await mill.batches.importFailed(id, good)
    expect(await rejection(mill.batches.importFailed(id, good))).toMatchObject({
      code: 'MILL_BATCH_CSV_INVALID',
    })
    await place.query('update item set bad = 0')
    const second = await mill.batches.retryFailed(id)
    await mill.resume({ kind: 'name', value: batch.name })
    await bench.ended(mill, first.id)
    await bench.ended(mill, second.id)
    expect((await mill.jobs.get(first.id)).progress).toMatchObject({ processed: 3 })
    expect((await mill.jobs.get(second.id)).progress).toMatchObject({ processed: 2 })
    expect(await applied(place)).toEqual([[1, 10]])
    expect((await mill.jobs.get(id)).progress).toMatchObject({ setAside: 0 })
  })

  test('a hook that fails keeps no chunk from being set aside', async () => {
    let calls = 0
    const batch = defineBatch({
      name: fresh('batch'),
      retry: { attempts: 1 },
      start: () => [{ n: 1 }],
      execute: () => {
        throw new Error('bad')
      },
      onChunkFailed: () => {
        calls += 1
        throw new Error('the hook too')
      },
    })
    const mill = await bench.working({ definitions: [batch] })
    const { id } = await mill.enqueue(batch, null)
    await bench.ended(mill, id)
    expect(calls).toBe(1)
    expect(await mill.jobs.get(id)).toMatchObject({ status: 'Completed', progress: { setAside: 1 } })
  })
})
