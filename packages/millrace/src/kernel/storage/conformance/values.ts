import { describe, expect, test } from 'vitest'
import { isMillraceError } from '../../rules/errors.ts'
import { outcomes } from '../../rules/outcome.ts'
import { Bench, decision, newJob } from './fixtures.ts'
import type { Open } from './subject.ts'

const mebibyte = 1_048_576
const texts: readonly (readonly [string, string])[] = [
  ['empty', '""'],
  ['null', 'null'],
  ['quotes and backslashes', JSON.stringify(`it's "q" \\ \\\\ \` $1 $$ ? :a @b %s -- /* */ ;`)],
  [
    'scripts and emoji',
    JSON.stringify('Ünïcødé 中文 العربية עברית \u{1f525}\u{1f469}\u{200d}\u{1f4bb} e\u0301 \u202e'),
  ],
  ['control characters', JSON.stringify('\u0001\b\t\n\r\u001f\u007f\u2028\u2029')],
  ['array-like text', JSON.stringify('{1,2,"x",NULL}')],
  ['blanks and key order of the text', '{ "b" : 1,\n\t"a":[ 1 , 2 ],"b":2 }'],
  ['numbers as they are written', '[1e400,1.0,-0,12345678901234567890,0.1000]'],
  ['special keys', '{"__proto__":{"a":1},"constructor":1,"":2}'],
  ['deep nesting', `${'['.repeat(500)}${']'.repeat(500)}`],
]

export function values(open: Open): void {
  describe('values come back as they were', () => {
    const bench = new Bench(open)

    test.for(texts)('payload and result: %s', async ([, text]) => {
      const { run } = await bench.leased(1, { payload: text })
      expect(run.payload).toBe(text)
      await bench.settle([decision(run, outcomes.completed, { result: text })])
      expect(await bench.record(run.job)).toMatchObject({ payload: text, result: text })
    })

    test.for(texts)('error and arguments: %s', async ([, text]) => {
      const error = { name: text, message: text, stack: text, cause: { name: 'E', message: text } }
      // Within what an index can hold, and not between the halves of a character.
      const short = Array.from(text).slice(0, 60).join('')
      const arg = { path: short, value: short }
      const { run, lane } = await bench.leased(1, { args: [arg] })
      await bench.settle([decision(run, outcomes.failed, { error })])
      expect((await bench.record(run.job)).error).toEqual(error)
      const found = await bench.storage.history.list({ tenant: lane.tenant, arg }, { before: null, limit: 5 })
      expect(found.jobs.map((job) => job.id)).toEqual([run.job])
    })

    test('a payload and a result of 1 MiB', async () => {
      const payload = JSON.stringify('\u{1f525}x'.repeat(mebibyte / 5).slice(0, mebibyte - 2))
      const { run } = await bench.leased(1, { payload })
      expect(run.payload === payload).toBe(true)
      await bench.settle([decision(run, outcomes.completed, { result: payload })])
      expect((await bench.record(run.job)).result === payload).toBe(true)
    })

    test('a group of large payloads', async () => {
      const payload = JSON.stringify('x'.repeat(mebibyte / 4))
      const { members } = await bench.leased(20, { payload })
      expect(members.every((run) => run.payload === payload)).toBe(true)
    })

    test('options of every kind', async () => {
      const options = {
        types: { values: { 'a.b': ['Date'], 'q\'"': [['map']] }, deep: [null, true, 1.5, { x: [] }] },
        finalizer: true,
        deadline: 4_102_444_800_000,
        timeoutMs: 1.5,
        depth: 3,
        maxDepth: 9,
        delayMs: 0,
        tags: ['a', "b'c", '\u{1f525}'],
        scenario: 'sc',
        runAs: 'ann',
        retryOf: '01890000-0000-7000-8000-000000000000',
        retry: { attempts: 3, backoff: ['1 s'] },
      } as const
      const { run } = await bench.leased(1, { options })
      expect(run.options).toEqual(options)
      expect((await bench.record(run.job)).options).toEqual(options)
    })

    test('extremes of time and number', async () => {
      const { run } = await bench.leased(1)
      await bench.settle([decision(run, outcomes.completed, { ms: 0 })])
      expect((await bench.attempts(run.job))[0]!.ms).toBe(0)
      const long = await bench.leased(1)
      await bench.settle([decision(long.run, outcomes.completed, { ms: 86_400_000 })])
      expect((await bench.attempts(long.run.job))[0]!.ms).toBe(86_400_000)
    })

    test('a NUL character is refused with a code, or comes back: never cut off', async () => {
      const lane = await bench.lane()
      const job = newJob(lane, { payload: '"a\u0000b"' })
      const [error] = await Promise.allSettled([bench.storage.jobs.enqueue([job])])
      if (error.status === 'fulfilled') expect((await bench.record(job.id)).payload).toBe(job.payload)
      else {
        expect(isMillraceError(error.reason)).toBe(true)
        expect(await bench.place(job.id)).toBe('absent')
      }
    })
  })
}
