import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMill, definePipeline, step } from '../index.ts'
import { CliProject } from '../../../../tests/support/cli.ts'

const project = new CliProject({
  'millrace.config.mjs': `import { definePipeline, step } from 'millrace'
const one = (name) => step({ name, execute(_, ctx) { ctx.state.n += 1 } })
export const nightly = definePipeline({ name: 'nightly', state: { n: 0 } }, [one('load'), one('send')])
export default { storage: 'sqlite:mill.db', definitions: [nightly] }`,
})
const run = (...args: string[]) => project.run(['pipelines', ...args])
let failed: string

beforeAll(async () => {
  const nightly = definePipeline({ name: 'nightly', state: { n: 0 }, retry: { attempts: 1 } }, [
    step({ name: 'load', execute: (_: null, ctx) => void (ctx.state.n = 7) }),
    step({
      name: 'send',
      execute() {
        throw new Error('no connection')
      },
    }),
  ])
  const mill = await createMill({ storage: `sqlite:${project.path}/mill.db`, definitions: [nightly] })
  await mill.start()
  const job = await mill.enqueue(nightly, null)
  failed = job.id
  await job.completed().catch(() => undefined)
  await mill.stop()
})
afterAll(() => project.remove())

test('run, status, pause, resume, skip, restart, abort of one that waits', async () => {
  const id = (await run('run', 'nightly', 'null')).stdout.trim()
  expect((await run('pause', id)).stdout).toBe(`${id} paused\n`)
  expect((await run('status', id)).stdout).toMatch(
    /Queued \(paused\), paused\n +step +load\n[^]*load +pending[^]*send +pending/,
  )
  expect((await run('skip', id)).stdout).toBe(`${id}\n`)
  expect((await run('restart', id, '--from', 'load', '--state', '{"n":5}')).stdout).toBe(`${id}\n`)
  expect(await project.json(['pipelines', 'status', id])).toMatchObject({ paused: true, state: { n: 5 } })
  expect((await run('resume', id)).stdout).toBe(`${id} resumed\n`)
  expect((await run('resume', id)).stdout).toBe(`${id} was not paused\n`)
  expect((await run('abort', id)).stdout).toBe(`${id} aborted\n`)
}, 60_000)

test('status and retry of one that failed', async () => {
  const { stdout } = await run('status', failed)
  expect(stdout).toMatch(
    /Failed\n +step +send\n[^]*load +done +1 +0[^]*send +failed +1 +1.*Error: no connection/,
  )
  const next = (await run('retry', failed)).stdout.trim()
  expect(next).toMatch(/^[0-9a-f-]{36}$/)
  expect(next).not.toBe(failed)
  const again = await run('retry', failed)
  expect(again.code).toBe(1)
  expect(again.stderr).toContain('MILL_PIPELINE_CONTINUED')
  expect((await run('status', failed)).stdout).toContain(`went on as ${next}`)
}, 60_000)

test.each([
  [['restart', 'x'], 2, '--from'],
  [['restart', 'x', '--from', 'a', '--state', '{'], 2, 'no JSON'],
  [['status', 'x'], 1, 'MILL_JOB_UNKNOWN'],
])('%j is refused', async (args, code, words) => {
  const answer = await run(...args)
  expect(answer.code).toBe(code)
  expect(answer.stderr).toContain(words)
})
