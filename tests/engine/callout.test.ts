import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterAll, describe, expect, test } from 'vitest'
import { defineQueueable } from '../../packages/millrace/src/index.ts'
import { Bench, fresh, note, places } from './support/bench.ts'
import { rejection, signal, until } from './support/until.ts'

const all = await places()

/** Answers the path, except `/never`, whose callers it counts until they hang up. */
let waiting = 0
const server: Server = createServer((request, response) => {
  if (request.url !== '/never') {
    response.end(request.url)
    return
  }
  waiting += 1
  response.on('close', () => (waiting -= 1))
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

describe.each(all)('$kind: callouts', (place) => {
  const bench = new Bench(place)

  test('Q-11: allowed before the first write, refused after it', async () => {
    const errors: unknown[] = []
    const call = defineQueueable({
      name: fresh('call'),
      async execute(_: null, ctx) {
        const before = await (await ctx.fetch(`${base}/before`)).text()
        await note(ctx, before)
        errors.push(await rejection(ctx.fetch(`${base}/after`)))
        errors.push(await rejection(ctx.callout(async () => 'not run')))
      },
    })
    const mill = await bench.working({ definitions: [call] })
    const job = await mill.enqueue(call, null)
    await job.completed()
    expect(await bench.notes(job.id)).toEqual(['/before'])
    expect(errors).toHaveLength(2)
    for (const error of errors)
      expect(error).toMatchObject({
        code: 'MILL_CALLOUT_AFTER_WRITE',
        message: expect.stringContaining('You have uncommitted work pending') as string,
        data: { jobId: job.id },
      })
  })

  test('Q-11: allowed after reads and after children that are only buffered; what follows sees the database anew', async () => {
    const inside = signal()
    const written = signal()
    const child = defineQueueable({ name: fresh('child'), execute: (_: null) => 'child ran' })
    const call = defineQueueable({
      name: fresh('call'),
      async execute(_: null, ctx) {
        const count = async () =>
          (await ctx.sql<{ n: unknown }>`select count(*) as n from effects where job = ${ctx.jobId}`)[0]!.n
        const made = await ctx.enqueue(child, null)
        const before = Number(await count())
        await ctx.callout(async (stop) => {
          expect(stop.aborted).toBe(false)
          inside.happen()
          await written.happened
        })
        return { counts: [before, Number(await count())], child: made.id }
      },
    })
    const mill = await bench.working({ definitions: [call, child] })
    const job = await mill.enqueue(call, null)
    await inside.happened
    // Nothing of the handler stands in the way of others meanwhile.
    await mill.transaction((tx) => tx.sql`insert into effects (job, note) values (${job.id}, 'meanwhile')`)
    written.happen()
    const result = await job.completed()
    expect(result.counts).toEqual([0, 1])
    expect(await mill.job(result.child).completed()).toBe('child ran')
  })

  test('Q-11: several at a time after a read', async () => {
    const call = defineQueueable({
      name: fresh('call'),
      retry: { attempts: 1 },
      async execute(_: null, ctx) {
        await ctx.sql`select 1 as one`
        const answers = await Promise.all(['/1', '/2', '/3'].map((path) => ctx.fetch(base + path)))
        const texts = await Promise.all(answers.map((answer) => answer.text()))
        await note(ctx, texts.join())
      },
    })
    const mill = await bench.working({ definitions: [call] })
    const job = await mill.enqueue(call, null)
    await job.completed()
    expect(await bench.notes(job.id)).toEqual(['/1,/2,/3'])
  })

  test('Q-11: a fetch ends with the attempt’s signal, and with one of its own', async () => {
    const own = new AbortController()
    const errors: unknown[] = []
    const call = defineQueueable({
      name: fresh('call'),
      retry: { attempts: 1 },
      async execute(_: null, ctx) {
        const first = ctx.fetch(`${base}/never`, { signal: own.signal })
        await until('the server has it', () => waiting === 1)
        own.abort(new Error('mine'))
        errors.push(await rejection(first))
        await ctx.fetch(`${base}/never`)
      },
    })
    const mill = await bench.working({ definitions: [call] })
    const job = await mill.enqueue(call, null)
    await until('the second call waits', () => errors.length === 1 && waiting === 1)
    expect(await mill.jobs.abort(job.id)).toBe('requested')
    expect(await bench.ended(mill, job.id)).toEqual(['1 aborted'])
    await until('the server was hung up on', () => waiting === 0)
    expect(errors).toMatchObject([{ message: 'mine' }])
  })
})
