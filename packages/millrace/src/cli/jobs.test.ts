import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { CliProject } from '../../../../tests/support/cli.ts'
import type { AttemptView, JobStatus, JobView } from '../index.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const project = new CliProject({
  'millrace.config.ts': `
    import { defineConfig } from 'millrace'
    export default defineConfig({ storage: 'sqlite:data/test.db', definitions: ['jobs/*.ts'] })`,
  'jobs/work.ts': `
    import { defineQueueable } from 'millrace'
    import { z } from 'zod'
    export const double = defineQueueable({
      name: 'double',
      input: z.object({ n: z.number() }),
      execute({ n }, ctx) {
        ctx.log.warn('doubling {0}', [n])
        return n * 2
      },
    })
    export const rich = defineQueueable({
      name: 'rich-result',
      execute: () => ({ at: new Date(0), big: 12n, map: new Map([['a', 1]]), set: new Set([1]), none: undefined }),
    })
    export const broken = defineQueueable({
      name: 'always-broken',
      retry: { attempts: 2, initial: '0' },
      execute() {
        throw new RangeError('no\\u001b[31m way\\nat all', { cause: Object.assign(new Error('deeper'), { code: 'E_DEEP' }) })
      },
      finalizer: () => undefined,
    })
    export const limited = defineQueueable({ name: 'limited', concurrency: 1, execute: () => undefined })`,
})
afterAll(() => project.remove())

type Listed = Record<keyof JobView, unknown> & {
  id: string
  status: JobStatus
  attempts: AttemptView[]
  why: string
}
interface List {
  jobs: Listed[]
  next: string | null
}

async function enqueue(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await project.run(['enqueue', ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/)
  return stdout.trim()
}

const show = (id: string): Promise<Listed> => project.json<Listed>(['jobs', 'show', id])

let doubled: string
let broken: string
let rich: string

// What ended, for all tests to look at.
beforeAll(async () => {
  doubled = await enqueue('double', '{"n":21}', '--tenant', 'acme', '--tag', 'first', '--tag', 'second')
  broken = await enqueue('always-broken')
  rich = await enqueue('rich-result')
  const worker = project.start(['worker', '--verbose'])
  await worker.printed(/finalizer of attempt 2/)
  await worker.printed(/completed rich-result/)
  await worker.printed(/completed double/)
  worker.child.kill('SIGTERM')
  expect(await worker.ended).toMatchObject({ code: 0 })
})

describe('enqueue', () => {
  test('takes input from the command line or from stdin, and every option', async () => {
    const delayed = await enqueue(
      'double',
      '{"n":1}',
      '--delay',
      '10 minutes',
      '--queue',
      'slow',
      '--priority',
      '2',
    )
    expect(await show(delayed)).toMatchObject({
      substatus: 'scheduled',
      queue: 'slow',
      priority: 2,
      input: { n: 1 },
    })
    const { stdout } = await project.run(['enqueue', 'double', '-', '--run-at', '2090-01-01T00:00:00Z'], {
      input: '{"n":2}',
    })
    expect(await show(stdout.trim())).toMatchObject({
      input: { n: 2 },
      reason: { dueAt: Date.parse('2090-01-01T00:00:00Z') },
    })
  })

  test('--json prints the id as a document', async () => {
    const { id, duplicate } = await project.json<{ id: string; duplicate: boolean }>([
      'enqueue',
      'double',
      '{"n":3}',
    ])
    expect(duplicate).toBe(false)
    expect(await show(id)).toMatchObject({ status: 'Queued', input: { n: 3 } })
  })

  test('--unique, --until and --on-duplicate', async () => {
    const args = ['double', '{"n":4}', '--unique', 'four']
    const first = await enqueue(...args)
    const again = await project.run(['enqueue', ...args, '--json'])
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(JSON.parse(again.stderr)).toMatchObject({ code: 'MILL_DUPLICATE', data: { jobId: first } })
    const returned = await project.run(['enqueue', ...args, '--on-duplicate', 'return', '--until', 'started'])
    expect(returned).toMatchObject({ code: 0, stdout: `${first}\n` })
    expect(returned.stderr).toMatch('nothing was enqueued')
  })

  test('an unknown name lists those that are near', async () => {
    const near = await project.run(['enqueue', 'doubel'])
    expect(near).toMatchObject({ code: 1, stdout: '' })
    expect(near.stderr).toMatch(
      /^error MILL_DEFINITION_UNKNOWN: there is no definition doubel; did you mean double\?\n→ /,
    )
    const far = await project.run(['enqueue', 'something-else', '--json'])
    expect(JSON.parse(far.stderr)).toMatchObject({
      code: 'MILL_DEFINITION_UNKNOWN',
      data: { near: [], known: ['always-broken', 'double', 'limited', 'rich-result'] },
    })
    const without = await project.run(['enqueue', 'double', '--storage', 'sqlite:x.db'], { cwd: '..' })
    expect(without.stderr).toMatch('no millrace.config')
  })

  test.concurrent.for<[args: string[], code: string]>([
    [['double', '{"n":"x"}'], 'MILL_INPUT_INVALID'],
    [['double'], 'MILL_INPUT_INVALID'],
    [['double', '{"n":1}', '--delay', 'soon'], 'MILL_DURATION_INVALID'],
    [['double', '{"n":1}', '--run-at', 'tomorrow'], 'MILL_RUN_AT_INVALID'],
    [['double', '{"n":1}', '--priority', '11'], 'MILL_PRIORITY_INVALID'],
    [['double', '{"n":1}', '--delay', '1s', '--run-at', '2090-01-01T00:00:00Z'], 'MILL_OPTIONS_INVALID'],
    [['double', '{"n":1}', '--tenant', 'a\nb'], 'MILL_NAME_INVALID'],
  ])('%j is refused as %s', async ([args, code], { expect }) => {
    const ran = await project.run(['enqueue', ...args, '--json'])
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(JSON.parse(ran.stderr)).toMatchObject({ code, fix: expect.stringMatching(/./) as string })
  })

  test('a definition that cannot be loaded is named', async () => {
    project.write(
      'other/millrace.config.mjs',
      `export default { storage: 'sqlite:o.db', definitions: ['bad.mjs'] }`,
    )
    project.write('other/bad.mjs', `throw new Error('planted')`)
    const { code, stderr } = await project.run(['enqueue', 'x'], { cwd: 'other' })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^error MILL_CONFIG_INVALID: .*bad\.mjs cannot be loaded: planted\n {2}caused by planted/,
    )
  })
})

describe('jobs list', () => {
  test('is an aligned table without escape codes when piped, newest first', async () => {
    const { code, stdout, stderr } = await project.run(['jobs', 'list', '--name', 'always-broken'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [head, row, ...rest] = stdout.split('\n')
    expect(rest).toEqual([''])
    expect(head).toMatch(/^ID {36}NAME {11}STATUS {2}ATTEMPT {2}TENANT {3}QUEUE {4}ENQUEUED {14}REMARK$/)
    expect(row).toMatch(
      /^[0-9a-f-]{36} {2}always-broken {2}Failed {8}2 {2}default {2}default {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}RangeError: no\\x1b\[31m way at all$/,
    )
    // eslint-disable-next-line no-control-regex -- that is the point
    expect(stdout).not.toMatch(/\u001b/)
  })

  test('has colours where they are asked for, and none with --no-color or NO_COLOR', async () => {
    const env = { FORCE_COLOR: '1' }
    const args = ['jobs', 'list', '--status', 'Failed']
    expect((await project.run(args, { env })).stdout).toMatch('\u001b[31mFailed')
    expect((await project.run([...args, '--no-color'], { env })).stdout).not.toMatch('\u001b')
    expect((await project.run(args, { env: { NO_COLOR: '1' } })).stdout).not.toMatch('\u001b')
  })

  test('--json is one document, with pages', async () => {
    const first = await project.json<List>(['jobs', 'list', '--limit', '2'])
    expect(first.jobs).toHaveLength(2)
    const second = await project.json<List>(['jobs', 'list', '--limit', '1000', '--after', first.next ?? ''])
    expect(second.next).toBeNull()
    expect(second.jobs.map(({ id }) => id)).toContain(doubled)
    expect(second.jobs.map(({ id }) => id)).not.toContain(first.jobs[0]?.id)
    const { stderr } = await project.run(['jobs', 'list', '--limit', '2'])
    expect(stderr).toBe(`more: --after ${first.next ?? ''}\n`)
  })

  test.concurrent.for<[args: string[], which: () => string]>([
    [['--status', 'Failed'], () => broken],
    [['--tenant', 'acme'], () => doubled],
    [['--tag', 'second'], () => doubled],
    [['--name', 'rich-result'], () => rich],
    [
      ['--name', 'double', '--status', 'Completed', '--queue', 'default', '--from', '2020-01-01T00:00:00Z'],
      () => doubled,
    ],
  ])('filters by %j', async ([args, which], { expect }) => {
    const { jobs } = await project.json<List>(['jobs', 'list', ...args])
    expect(jobs.map(({ id }) => id)).toEqual([which()])
  })

  test('says so when there is none', async () => {
    expect(await project.run(['jobs', 'list', '--tenant', 'nobody'])).toMatchObject({
      code: 0,
      stdout: 'no jobs\n',
    })
    expect(await project.json(['jobs', 'list', '--to', '2020-01-01T00:00:00Z'])).toEqual({
      jobs: [],
      next: null,
    })
  })

  test('a limit or a cursor that cannot be is a coded error', async () => {
    expect((await project.run(['jobs', 'list', '--limit', '5000'])).stderr).toMatch(
      /^error MILL_OPTIONS_INVALID/,
    )
    expect((await project.run(['jobs', 'list', '--after', 'x'])).stderr).toMatch(/^error MILL_JOB_UNKNOWN/)
  })
})

describe('jobs show', () => {
  test('tells everything of a failed job: why, the error with its causes, the attempts with their finalizers', async () => {
    const { code, stdout } = await project.run(['jobs', 'show', broken])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      new RegExp(`^always-broken ${broken}\n {2}status {4}Failed\n {2}why {7}It failed in attempt 2: no`),
    )
    expect(stdout).toMatch(
      /^error\n {2}RangeError: no\\x1b\[31m way\n {2}at all\n {4}at Object\.execute .*work\.ts/m,
    )
    expect(stdout).toMatch(/^ {2}caused by Error \[E_DEEP\]: deeper$/m)
    const attempts = stdout.slice(stdout.indexOf('attempts\n')).trim().split('\n').slice(2)
    expect(attempts.map((line) => line.trim().split(/ {2,}/).slice(0, 3))).toEqual([
      ['job', '1', 'retried'],
      ['finalizer of 1', '1', 'succeeded'],
      ['job', '2', 'failed'],
      ['finalizer of 2', '1', 'succeeded'],
    ])
    expect(stdout).not.toMatch('\u001b')
  })

  test('--json has the same', async () => {
    expect(await show(broken)).toMatchObject({
      id: broken,
      status: 'Failed',
      error: { name: 'RangeError', cause: { code: 'E_DEEP', message: 'deeper' } },
      why: expect.stringMatching(/^It failed in attempt 2/) as string,
      attempts: [
        { outcome: 'retried' },
        { kind: 'finalizer', of: 1 },
        { outcome: 'failed' },
        { kind: 'finalizer', of: 2 },
      ],
    })
    expect(await show(doubled)).toMatchObject({ tenant: 'acme', tags: ['first', 'second'], result: 42 })
  })

  test('values beyond JSON are told in both ways', async () => {
    expect(await show(rich)).toMatchObject({
      result: { at: '1970-01-01T00:00:00.000Z', big: '12', map: [['a', 1]], set: [1] },
    })
    const { stdout } = await project.run(['jobs', 'show', rich])
    expect(stdout).toMatch(/at: 1970-01-01T00:00:00\.000Z/)
    expect(stdout).toMatch(/Map\(1\) \{ 'a' => 1 \}/)
  })

  test('an unknown id is a coded error, for people and as JSON', async () => {
    const id = '01b8dac5-b400-71d5-9758-4f231a716c91'
    expect(await project.run(['jobs', 'show', id])).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: `error MILL_JOB_UNKNOWN: there is no job ${id}\n→ Check the id; it may have been pruned.\n`,
    })
    const { stderr } = await project.run(['jobs', 'show', 'nonsense', '--json'])
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'MILL_JOB_UNKNOWN',
      message: '"nonsense" is not the id of a job',
      data: {},
    })
  })
})

describe('jobs retry and abort', () => {
  test('go through all ids, also after one that failed', async () => {
    const waiting = await enqueue('double', '{"n":5}', '--delay', '1 hour')
    const aborted = await project.run(['jobs', 'abort', 'nonsense', waiting, doubled])
    expect(aborted.code).toBe(1)
    expect(aborted.stdout).toBe(`${waiting} was aborted\n${doubled} had ended already\n`)
    expect(aborted.stderr).toMatch(/^error MILL_JOB_UNKNOWN/)
    expect(await show(waiting)).toMatchObject({ status: 'Aborted', why: 'It was aborted.' })

    const { jobs } = await project.json<{ jobs: { id: string; retryId: string }[] }>([
      'jobs',
      'retry',
      waiting,
      broken,
    ])
    expect(jobs.map(({ id }) => id)).toEqual([waiting, broken])
    expect(await show(jobs[0]?.retryId ?? '')).toMatchObject({
      status: 'Queued',
      retryOf: waiting,
      input: { n: 5 },
    })
  })

  test('with --json stdout stays one document when one fails', async () => {
    const { code, stdout, stderr } = await project.run(['jobs', 'retry', doubled, 'nonsense', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      jobs: [{ id: doubled }, { id: 'nonsense', problem: { code: 'MILL_JOB_UNKNOWN' } }],
    })
    expect(JSON.parse(stderr)).toMatchObject({ code: 'MILL_JOB_UNKNOWN' })
  })

  test('a job that has not ended is not retried', async () => {
    const id = await enqueue('double', '{"n":6}', '--delay', '1 hour')
    expect((await project.run(['jobs', 'retry', id])).stderr).toMatch(/^error MILL_JOB_NOT_ENDED/)
  })
})

test('jobs counts', async () => {
  const all = { Holding: 0, Queued: 0, Preparing: 0, Processing: 0, Completed: 0, Failed: 0, Aborted: 0 }
  expect(
    await project.json(['jobs', 'counts', '--tenant', 'acme', '--name', 'double', '--queue', 'default']),
  ).toMatchObject({
    ...all,
    Completed: 1,
    Queued: expect.any(Number) as number,
  })
  const { stdout } = await project.run(['jobs', 'counts', '--name', 'rich-result'])
  expect(stdout).toMatch(/^STATUS {6}JOBS\n/)
  expect(stdout).toMatch(/^Completed {6}1$/m)
})

describe('pause, resume and workers', () => {
  test('alone it lists the pauses and says how to pause', async () => {
    const nothing = await project.run(['pause'])
    expect(nothing).toMatchObject({ code: 0, stdout: 'nothing is paused\n' })
    expect(nothing.stderr).toMatch(/^to pause: millrace pause --queue/)
  })

  test('each target can be paused, is told where a job waits, and can be resumed', async () => {
    const targets = [['--queue', 'paused-queue'], ['--name', 'limited'], ['--tenant', 'late'], ['--all']]
    for (const target of targets) {
      expect(await project.json(['pause', ...target])).toMatchObject({ paused: true, changed: true })
    }
    expect((await project.run(['pause', '--name', 'limited'])).stdout).toBe(
      'definition limited was paused already\n',
    )
    const { pauses } = await project.json<{ pauses: { target: object; by: string }[] }>(['pause'])
    expect(pauses).toHaveLength(4)
    expect(pauses[0]?.by).toMatch(/@/)
    expect((await project.run(['pause'])).stdout).toMatch(/^definition limited {2,}\d{4}-/m)

    const id = await enqueue('limited', '--queue', 'paused-queue', '--tenant', 'late')
    const { why, substatus } = await show(id)
    expect(substatus).toBe('paused')
    for (const part of [
      'Queue paused-queue was paused by',
      'Definition limited',
      'Tenant late',
      'Everything',
      'No worker is running.',
    ]) {
      expect(why).toMatch(part)
    }
    for (const target of targets) {
      expect(await project.json(['resume', ...target])).toMatchObject({ paused: false, changed: true })
    }
    expect((await project.run(['resume', '--all'])).stdout).toBe('everything was not paused\n')
  })

  test('a name that can be none is refused', async () => {
    expect((await project.run(['pause', '--name', '1x'])).stderr).toMatch(/^error MILL_NAME_INVALID/)
  })

  test('workers says how to start one', async () => {
    expect((await project.run(['workers'])).stdout).toBe('no workers; start one with: millrace worker\n')
    expect(await project.json(['workers'])).toEqual({ workers: [] })
  })
})
