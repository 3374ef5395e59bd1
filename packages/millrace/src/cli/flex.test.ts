import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMill, defineBatch } from '../index.ts'
import { CliProject } from '../../../../tests/support/cli.ts'

const project = new CliProject({ 'millrace.config.mjs': `export default { storage: 'sqlite:mill.db' }` })
const run = (...args: string[]) => project.run(['flex', ...args])
let ids: readonly string[] = []

beforeAll(async () => {
  const nightly = defineBatch({ name: 'nightly', start: () => [{ n: 1 }], execute: () => undefined })
  const mill = await createMill({
    storage: `sqlite:${project.path}/mill.db`,
    definitions: [nightly],
    flexQueue: { active: 1, holding: 3 },
    log: { sink: () => undefined },
  })
  ids = await mill.enqueueMany(nightly, [null, null, null])
  await mill.stop()
})
afterAll(() => project.remove())

test('list and move', async () => {
  const [active, first, second] = ids
  const { stdout } = await run('list')
  expect(stdout).toMatch(/^1 of 1 under way, 2 of 3 Holding\n/)
  expect(stdout.split('\n').slice(2, 5)).toEqual([
    expect.stringMatching(new RegExp(`^ +${active} +nightly +Queued`)),
    expect.stringMatching(new RegExp(`^ +1 +${first} +nightly +Holding`)),
    expect.stringMatching(new RegExp(`^ +2 +${second} +nightly +Holding`)),
  ])
  expect((await run('move', `${second}`, '--front')).stdout).toBe(`${second} was moved\n`)
  expect((await run('move', `${second}`, '--before', `${first}`)).stdout).toBe(
    `${second} stands there already\n`,
  )
  expect(await project.json(['flex', 'move', `${second}`, '--after', `${first}`])).toEqual({
    id: second,
    moved: true,
  })
  const { holding } = await project.json<{ holding: { id: string }[] }>(['flex', 'list'])
  expect(holding.map(({ id }) => id)).toEqual([first, second])
  const refused = await run('move', `${active}`, '--end')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('MILL_JOB_NOT_HOLDING')
  expect((await run('list', '--tenant', 'acme')).stdout).toBe('0 of 5 under way, 0 of 100 Holding\n')
}, 60_000)

test.each([[['move', 'x']], [['move', 'x', '--front', '--end']], [['move', 'x', '--front', '--after', 'y']]])(
  '%j is refused',
  async (args) => {
    const { code, stderr } = await run(...args)
    expect(code).toBe(2)
    expect(stderr).toContain('say where to')
  },
)
