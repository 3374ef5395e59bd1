import { afterAll, beforeAll, expect, test } from 'vitest'
import { approvalStep, createMill, definePipeline, signalStep, step, type Mill } from '../index.ts'
import { until } from '../../../../tests/engine/support/until.ts'
import { CliProject } from '../../../../tests/support/cli.ts'

const project = new CliProject({
  'millrace.config.mjs': `import { approvalStep, definePipeline, signalStep, step } from 'millrace'
const one = (name) => step({ name, execute(_, ctx) { ctx.state.n += 1 } })
export const nightly = definePipeline({ name: 'nightly', state: { n: 0 } }, [one('load'), one('send')])
export const asking = definePipeline({ name: 'asking' }, [approvalStep({ name: 'ask' }), signalStep({ name: 'go' })])
export default { storage: 'sqlite:mill.db', definitions: [nightly, asking] }`,
})
const run = (...args: string[]) => project.run(['pipelines', ...args])
let failed: string
let asking: string
const waits = (mill: Mill, step: string) =>
  until('it waits', async () => (await mill.pipelines.status(asking)).waitsFor?.step === step)

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
  const asks = definePipeline({ name: 'asking' }, [
    approvalStep<null, unknown>({ name: 'ask' }),
    signalStep({ name: 'go' }),
  ])
  const mill = await createMill({ storage: `sqlite:${project.path}/mill.db`, definitions: [nightly, asks] })
  await mill.start()
  const job = await mill.enqueue(nightly, null)
  failed = job.id
  await job.completed().catch(() => undefined)
  asking = (await mill.enqueue(asks, null)).id
  await waits(mill, 'ask')
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

test('signal and approve of one that asks', async () => {
  const early = await run('signal', asking, 'go', '1')
  expect(early.stderr).toContain('MILL_PIPELINE_NOT_WAITING')
  const token = /waits for +approval ([\w.-]+)/.exec((await run('status', asking)).stdout)?.[1] ?? ''
  expect((await run('approve', token, '{"n":1}', '--by', 'ann')).stdout).toBe('approved\n')
  expect((await run('reject', token)).stderr).toContain('MILL_PIPELINE_TOKEN_USED')
}, 60_000)

test.each([
  [['restart', 'x'], 2, '--from'],
  [['restart', 'x', '--from', 'a', '--state', '{'], 2, 'no JSON'],
  [['signal', 'x', 'go', '{'], 2, 'no JSON'],
  [['approve', 'x'], 1, 'MILL_PIPELINE_TOKEN_UNKNOWN'],
  [['status', 'x'], 1, 'MILL_JOB_UNKNOWN'],
])('%j is refused', async (args, code, words) => {
  const answer = await run(...args)
  expect(answer.code).toBe(code)
  expect(answer.stderr).toContain(words)
})
