import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { CliProject } from '../../../../tests/support/cli.ts'

vi.setConfig({ testTimeout: 30_000 })

const project = new CliProject()
afterAll(() => project.remove())

describe('help', () => {
  test('is on stdout with exit code 0, and loads nothing of the engine', async () => {
    const coverage = join(project.path, 'coverage')
    mkdirSync(coverage)
    const { code, stdout, stderr } = await project.run(['--help'], { env: { NODE_V8_COVERAGE: coverage } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of ['worker', 'migrate', 'enqueue', 'jobs', 'objects', 'pause', 'resume', 'workers']) {
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
    }
    const [report = ''] = globSync('*.json', { cwd: coverage })
    const { result } = JSON.parse(readFileSync(join(coverage, report), 'utf8')) as {
      result: { url: string }[]
    }
    const loaded = result.map(({ url }) => url).filter((url) => url.includes('/packages/millrace/src/'))
    expect(loaded.map((url) => url.slice(url.indexOf('/src/'))).sort()).toEqual([
      '/src/cli/main.ts',
      '/src/cli/program-batches.ts',
      '/src/cli/program-pipelines.ts',
      '/src/cli/program.ts',
      '/src/cli/run.ts',
      '/src/cli/usage-error.ts',
    ])
  })

  test.concurrent.for([
    ['worker'],
    ['migrate'],
    ['enqueue'],
    ['jobs', 'list'],
    ['jobs', 'show'],
    ['objects', 'list'],
    ['objects', 'introspect'],
    ['objects', 'create'],
    ['pause'],
    ['workers'],
  ])('of %s', async (command, { expect }) => {
    const { code, stdout } = await project.run([...command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Usage: millrace ${command.join(' ')}`))
  })

  test('the version is that of the package', async () => {
    const file = new URL('../../package.json', import.meta.url)
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
    expect(await project.run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
  })
})

describe('a command line that makes no sense ends with 2, says why on stderr, and touches no database', () => {
  test.concurrent.for<[args: string[], says: RegExp]>([
    [[], /Usage: millrace/],
    [['jobs'], /Usage: millrace jobs/],
    [['wroker'], /unknown command 'wroker'\n\(Did you mean worker\?\)/],
    [['jobs', 'lst'], /Did you mean list/],
    [['workers', '--nonsense'], /unknown option '--nonsense'/],
    [['workers', 'surplus'], /too many arguments/],
    [['jobs', 'show'], /missing required argument 'id'/],
    [['jobs', 'retry'], /missing required argument 'id'/],
    [['enqueue'], /missing required argument 'name'/],
    [['jobs', 'list', '--status', 'Done'], /Allowed choices are Holding, Queued/],
    [['jobs', 'list', '--limit', 'many'], /must be a whole number/],
    [['jobs', 'list', '--limit', '-1'], /must be a whole number/],
    [['jobs', 'list', '--from', 'yesterday'], /must be an instant/],
    [['worker', '--concurrency', '2.5'], /must be a whole number/],
    [['worker', '--queues', 'a,,b'], /must be names, separated by commas/],
    [['pause', '--all', '--queue', 'x'], /cannot be used with option/],
    [['pause', '--name', 'x', '--tenant', 'y'], /cannot be used with option/],
    [['resume'], /say what to resume/],
    [['enqueue', 'x', '{"a":'], /the input is no JSON/],
    [['enqueue', 'x', '--until', 'done'], /go with --unique/],
    [['enqueue', 'x', '--on-duplicate', 'return'], /go with --unique/],
    [
      ['enqueue', 'x', '--on-duplicate', 'ignore', '--unique', 'k'],
      /Allowed choices are throw, return, replace/,
    ],
    [['enqueue', 'x', '--timeout', '1 second'], /--timeout goes with --wait/],
    [['enqueue', 'x', '--priority', 'high'], /must be a whole number/],
    [['--config'], /argument missing/],
  ])('%j', async ([args, says], { expect }) => {
    const { code, stdout, stderr } = await project.run(args)
    expect(stderr).toMatch(says)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(globSync('**/*.db', { cwd: project.path, exclude: ['node_modules'] })).toEqual([])
  })

  test('input from stdin that is no JSON', async () => {
    const { code, stderr } = await project.run(['enqueue', 'x', '-'], { input: 'nonsense' })
    expect(code).toBe(2)
    expect(stderr).toMatch(/the input is no JSON/)
  })
})

describe('where the storage comes from', () => {
  const config = `export default { storage: 'sqlite:from-config.db' }`
  const at = (name: string): string => `sqlite:${join(project.path, name)}`
  const migrated = async (
    args: string[],
    options: Parameters<CliProject['run']>[1] = {},
  ): Promise<string> => {
    const { code, stdout, stderr } = await project.run(['migrate', ...args], options)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout.replace(/(: applied| is up to date).*\n/, '')
  }

  beforeAll(() => project.write('app/millrace.config.mjs', config))

  test('the default, without anything', async () => {
    expect(await migrated([], { cwd: '.' })).toBe('sqlite:data/millrace.db')
    expect(globSync('data/millrace.db', { cwd: project.path })).toHaveLength(1)
  })

  test('DATABASE_URL, then MILLRACE_STORAGE, then --storage, when there is no config', async () => {
    const env = { DATABASE_URL: at('a.db') }
    expect(await migrated([], { env })).toBe(at('a.db'))
    expect(await migrated([], { env: { ...env, MILLRACE_STORAGE: at('b.db') } })).toBe(at('b.db'))
    expect(await migrated(['--storage', at('c.db')], { env })).toBe(at('c.db'))
  })

  test('the config, found from a folder below it; the environment does not replace it, --storage does', async () => {
    project.write('app/deep/down/file', '')
    const options = { cwd: 'app/deep/down', env: { DATABASE_URL: at('a.db') } }
    expect(await migrated([], options)).toBe(at('app/from-config.db'))
    expect(await migrated(['--storage', at('d.db')], options)).toBe(at('d.db'))
  })

  test('--config names the file', async () => {
    expect(await migrated(['--config', 'app/millrace.config.mjs'])).toBe(at('app/from-config.db'))
    const { code, stderr } = await project.run(['workers', '--config', 'nowhere.ts'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error MILL_CONFIG_INVALID: there is no config file .*nowhere\.ts\n→ /)
  })

  test('a config that throws, exports nothing or has a bad field is a coded error', async () => {
    project.write('bad/throws.mjs', `throw new Error('planted')`)
    project.write('bad/empty.mjs', `export const x = 1`)
    project.write('bad/field.mjs', `export default { lease: '1 ms' }`)
    for (const [file, says] of [
      ['throws', /cannot be loaded: planted/],
      ['empty', /no default export/],
      ['field', /lease/],
    ] as const) {
      const { code, stderr } = await project.run(['migrate', '--config', `bad/${file}.mjs`])
      expect(code).toBe(1)
      expect(stderr).toMatch(/^error MILL_/)
      expect(stderr).toMatch(says)
    }
  })

  test('a text that is no storage, or a server that is not there, is a coded error without the password', async () => {
    const wrong = await project.run(['workers', '--storage', 'mysql://root:secret@host/db'])
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
    expect(wrong.stderr).toMatch(/^error MILL_STORAGE_URL_INVALID/)
    expect(wrong.stderr).not.toMatch('secret')
    const absent = await project.run(['workers', '--json', '--storage', 'postgres://u:secret@127.0.0.1:1/db'])
    expect(absent).toMatchObject({ code: 1, stdout: '' })
    expect(JSON.parse(absent.stderr)).toMatchObject({ code: 'MILL_STORAGE_UNAVAILABLE' })
    expect(absent.stderr).not.toMatch('secret')
  })
})

describe('migrate', () => {
  test('applies what is missing and says so; a second time there is nothing', async () => {
    const storage = ['--storage', 'sqlite:fresh.db']
    expect(await project.run(['migrate', ...storage])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/applied 1/) as string,
    })
    expect(await project.run(['migrate', ...storage])).toMatchObject({
      stdout: 'sqlite:fresh.db is up to date\n',
    })
    expect(await project.json(['migrate', ...storage])).toEqual({ applied: [] })
    expect(
      await project.json<{ applied: number[] }>(['migrate', '--storage', 'sqlite:other.db']),
    ).toMatchObject({
      applied: expect.arrayContaining([1]) as number[],
    })
  })

  test('--check changes nothing: 1 where tables are missing, 0 where all are there', async () => {
    const missing = await project.run(['migrate', '--check', '--storage', 'sqlite:absent.db'])
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/^error MILL_SCHEMA_MISSING.*\n→ Run `millrace migrate`/)
    expect(globSync('absent.db', { cwd: project.path })).toEqual([])
    project.write('empty.db', '')
    expect((await project.run(['migrate', '--check', '--storage', 'sqlite:empty.db'])).code).toBe(1)
    await project.run(['migrate', '--storage', 'sqlite:empty.db'])
    expect(await project.run(['migrate', '--check', '--storage', 'sqlite:empty.db'])).toMatchObject({
      code: 0,
      stdout: 'up to date\n',
    })
  })

  test.concurrent.for([
    ['jobs', 'list'],
    ['jobs', 'show', '01b8dac5-b400-71d5-9758-4f231a716c91'],
    ['jobs', 'retry', '01b8dac5-b400-71d5-9758-4f231a716c91'],
    ['jobs', 'counts'],
    ['pause'],
    ['pause', '--all'],
    ['workers'],
  ])('%j makes no tables and no file', async (args, { expect }) => {
    const { code, stderr } = await project.run([...args, '--json', '--storage', 'sqlite:nothing/here.db'])
    expect(code).toBe(1)
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'MILL_SCHEMA_MISSING',
      fix: expect.stringMatching(/migrate/) as string,
    })
    expect(globSync('nothing', { cwd: project.path })).toEqual([])
  })
})
