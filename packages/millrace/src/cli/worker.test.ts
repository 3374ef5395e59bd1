import { afterAll, expect, test, vi } from 'vitest'
import { CliProject, type Started } from '../../../../tests/support/cli.ts'
import type { JobView } from '../index.ts'

vi.setConfig({ testTimeout: 60_000 })

const projects: CliProject[] = []
afterAll(() => Promise.all(projects.map((project) => project.remove())))

function makeProject(): CliProject {
  const project = new CliProject({
    'millrace.config.ts': `
      import { defineConfig } from 'millrace'
      export default defineConfig({ storage: 'sqlite:data/test.db', definitions: ['jobs.ts'] })`,
    'jobs.ts': `
      import { existsSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      import { defineQueueable } from 'millrace'
      export const quick = defineQueueable({ name: 'quick', execute: (input) => input })
      export const failing = defineQueueable({
        name: 'failing',
        retry: { attempts: 1 },
        execute() { throw new Error('on purpose', { cause: new Error('deeper') }) },
      })
      export const gated = defineQueueable({
        name: 'gated',
        async execute(_input, ctx) {
          console.log('began ' + ctx.jobId)
          ctx.log.info('a log line')
          while (!existsSync('go')) await setTimeout(10)
          await ctx.sql\`create table if not exists effect (job text)\`
          await ctx.sql\`insert into effect values (\${ctx.jobId})\`
          return 'finished'
        },
      })`,
  })
  projects.push(project)
  return project
}

async function enqueue(project: CliProject, name: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await project.run(['enqueue', name, ...args])
  expect(stderr).toBe('')
  return stdout.trim()
}

const jobsOf = async (project: CliProject): Promise<Pick<JobView, 'id' | 'name' | 'status' | 'attempt'>[]> =>
  (await project.json<{ jobs: JobView[] }>(['jobs', 'list', '--limit', '1000'])).jobs

async function stop(worker: Started): Promise<void> {
  worker.child.kill('SIGTERM')
  expect(await worker.ended).toMatchObject({ code: 0 })
}

test('SIGTERM lets the running job finish and hands back the rest, uncharged', async () => {
  const project = makeProject()
  // Quick jobs first: then the worker claims far ahead of what it runs.
  const first = project.start(['worker', '--concurrency', '1', '--verbose'])
  await first.printed(/^worker 1 on sqlite:.*test\.db: 1 at once, all queues, 3 definitions$/m)
  await enqueue(project, 'quick')
  await first.printed(/completed quick/)
  for (let n = 0; n < 4; n += 1) await enqueue(project, 'gated')
  await first.printed(/^began /m)

  first.child.kill('SIGTERM')
  await first.printed(/^SIGTERM: stopping, 1 execution may finish$/m)
  project.write('go', '')
  expect(await first.ended).toMatchObject({ code: 0, stderr: '' })
  expect(first.stdout).toMatch(/^stopped after /m)

  const gated = (await jobsOf(project)).filter(({ name }) => name === 'gated')
  expect(gated.map(({ status, attempt }) => `${status} ${attempt}`).sort()).toEqual([
    'Completed 1',
    'Queued 1',
    'Queued 1',
    'Queued 1',
  ])
  expect(await project.json(['workers'])).toEqual({ workers: [] })

  const second = project.start(['worker', '--verbose'])
  await second.printed(/(completed gated[^]*){3}/)
  await stop(second)
  for (const { status } of await jobsOf(project)) expect(status).toBe('Completed')
})

test('a second signal ends the process at once; the job is not lost', async () => {
  const project = makeProject()
  const id = await enqueue(project, 'gated')
  const worker = project.start(['worker'])
  await worker.printed(/^began /m)
  worker.child.kill('SIGINT')
  await worker.printed(/SIGINT: stopping/)
  worker.child.kill('SIGINT')
  expect(await worker.ended).toMatchObject({ code: 130 })
  expect(await project.json(['jobs', 'show', id])).toMatchObject({ status: 'Processing', attempt: 1 })
})

test('--json prints one object a line; log lines go to stderr', async () => {
  const project = makeProject()
  await enqueue(project, 'quick', '{"a":1}')
  await enqueue(project, 'failing')
  project.write('go', '')
  const worker = project.start([
    'worker',
    '--json',
    '--verbose',
    '--queues',
    'default,other',
    '--concurrency',
    '3',
  ])
  await worker.printed(/"name":"failing"/)
  await worker.printed(/"name":"quick"/)
  const { workers } = await project.json<{ workers: object[] }>(['workers'])
  expect(workers).toMatchObject([
    {
      id: 1,
      pid: worker.child.pid,
      alive: true,
      queues: ['default', 'other'],
      knows: ['failing@1', 'gated@1', 'quick@1'],
    },
  ])
  expect((await project.run(['workers'])).stdout).toMatch(/^ +1 {2}alive /m)
  await stop(worker)
  const lines = worker.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines[0]).toMatchObject({
    event: 'started',
    workers: [1],
    concurrency: 3,
    queues: ['default', 'other'],
  })
  expect(lines).toContainEqual(
    expect.objectContaining({ event: 'execution.ended', name: 'failing', outcome: 'failed' }),
  )
  expect(lines).toContainEqual(
    expect.objectContaining({ event: 'execution.ended', name: 'quick', outcome: 'completed' }),
  )
  expect(lines.slice(-2)).toMatchObject([{ event: 'stopping', signal: 'SIGTERM' }, { event: 'stopped' }])
})

test('enqueue --wait prints the result, or the failure with exit code 1', async () => {
  const project = makeProject()
  const worker = project.start(['worker'])
  await worker.printed(/^worker /m)

  const good = await project.run(['enqueue', 'quick', '{"a":[1,2]}', '--wait'])
  expect(good).toMatchObject({ code: 0, stdout: '{\n  "a": [\n    1,\n    2\n  ]\n}\n' })
  expect(await project.json(['enqueue', 'quick', '7', '--wait'])).toMatchObject({
    duplicate: false,
    result: 7,
  })

  const bad = await project.run(['enqueue', 'failing', '--wait'])
  expect(bad).toMatchObject({ code: 1, stdout: '' })
  expect(bad.stderr).toMatch(
    /error MILL_JOB_FAILED: job .* ended Failed .*on purpose\n {2}caused by on purpose\n {2}caused by deeper\n→ /,
  )
  const json = await project.run(['enqueue', 'failing', '--wait', '--json'])
  expect(json).toMatchObject({ code: 1, stdout: '' })
  expect(JSON.parse(json.stderr)).toMatchObject({
    code: 'MILL_JOB_FAILED',
    data: { status: 'Failed' },
    cause: { message: 'on purpose' },
  })

  const late = await project.run([
    'enqueue',
    'quick',
    '--delay',
    '1 hour',
    '--wait',
    '--timeout',
    '100 ms',
    '--json',
  ])
  expect(late).toMatchObject({ code: 1, stdout: '' })
  expect(JSON.parse(late.stderr)).toMatchObject({ code: 'MILL_WAIT_TIMEOUT' })
  await stop(worker)
})

test('a worker without definitions says so; one without tables and without leave to make them fails', async () => {
  const project = makeProject()
  const idle = project.start(['worker', '--storage', 'sqlite:idle.db'], { cwd: 'node_modules' })
  await idle.printed(/3 definitions/)
  await stop(idle)
  project.write('bare/millrace.config.mjs', `export default { storage: 'sqlite:bare.db' }`)
  const bare = project.start(['worker'], { cwd: 'bare' })
  await bare.printed(/0 definitions/)
  await stop(bare)
  expect(bare.stderr).toMatch(/^no definitions: this worker can run nothing/)
  project.write(
    'strict/millrace.config.mjs',
    `export default { storage: 'sqlite:strict.db', migrate: false }`,
  )
  const strict = await project.run(['worker'], { cwd: 'strict' })
  expect(strict).toMatchObject({ code: 1, stdout: '' })
  expect(strict.stderr).toMatch(/^error MILL_SCHEMA_MISSING/)
})
