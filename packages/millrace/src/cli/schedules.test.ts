import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMill, defineQueueable } from '../index.ts'
import { CliProject } from '../../../../tests/support/cli.ts'

const project = new CliProject({
  'millrace.config.mjs': `import { defineQueueable } from 'millrace'
export const work = defineQueueable({ name: 'work', execute() {} })
export default { storage: 'sqlite:mill.db', definitions: [work] }`,
})
const run = (...args: string[]) => project.run(['schedules', ...args])

beforeAll(async () => {
  const work = defineQueueable({ name: 'work', execute: () => undefined })
  const mill = await createMill({ storage: `sqlite:${project.path}/mill.db`, definitions: [work] })
  await mill.schedules.create({ name: 'daily', runs: work, cron: '0 0 2 * * ?', timeZone: 'Europe/Berlin' })
  await mill.stop()
})
afterAll(() => project.remove())

test('list, next, pause, resume, run, backfill', async () => {
  expect((await run('list')).stdout).toMatch(
    /daily +default +waiting +work +0 0 2 \* \* \? +Europe\/Berlin.* At 02:00, every day$/m,
  )
  const next = await project.json<{ fires: { local: string }[] }>([
    'schedules',
    'next',
    'daily',
    '--count',
    '2',
  ])
  expect(next.fires.map(({ local }) => local.slice(11))).toEqual(['02:00:00', '02:00:00'])
  expect((await run('pause', 'daily')).stdout).toBe('1 paused\n')
  expect((await run('pause', '--all')).stdout).toBe('0 paused\n')
  expect((await run('resume', '--all')).stdout).toBe('1 resumed\n')
  expect((await run('run', 'daily')).stdout).toMatch(/^[0-9a-f-]{36}\n$/)
  const range = ['--from', '2020-01-01T00:00:00Z', '--to', '2020-01-03T00:00:00Z']
  expect((await run('backfill', 'daily', ...range)).stdout).toBe(
    '0 fired, 2 queued, 0 skipped, 0 had fired already\n',
  )
}, 60_000)

test.each([
  [['pause'], 2, 'names, or --all'],
  [['pause', 'daily', '--all'], 2, 'names, or --all'],
  [['next', 'dayly'], 1, 'did you mean daily'],
  [['backfill', 'daily'], 2, '--from'],
])('%j is refused', async (args, code, words) => {
  const answer = await run(...args)
  expect(answer.code).toBe(code)
  expect(answer.stderr).toContain(words)
})
