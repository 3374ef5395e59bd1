import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import {
  commandBlocks,
  needsPostgres,
  parsePage,
  printsOf,
  readPages,
  repository,
  statementBlocks,
  type Page,
} from './page.ts'
import { PageProject, type Printed } from './page-project.ts'
import { createProgram, problemsOf } from './type-check.ts'

const pages = readPages()
const projects = new Map(pages.map((page) => [page.path, new PageProject(page)]))
const postgres = await createTestDatabase()

afterAll(async () => {
  await postgres?.drop()
  for (const project of projects.values()) await project.remove()
})

describe('the blocks of every page have sound types', () => {
  let program: ReturnType<typeof createProgram>

  beforeAll(() => {
    program = createProgram([...projects.values()].flatMap(({ sources }) => sources))
  }, 60_000)

  test.for(pages)('$path', (page) => {
    const project = projectOf(page)
    const problems = project.sources.flatMap((source) => problemsOf(program, source))
    expect(problems.map((problem) => project.inPlaces(problem))).toEqual([])
  })
})

describe.concurrent('the blocks of every page run and print what the page says', () => {
  for (const page of pages)
    test.skipIf(needsPostgres(page) && !postgres)(page.path, () => runPage(page), 60_000)
})

async function runPage(page: Page): Promise<void> {
  const database = needsPostgres(page) ? await createTestDatabase() : undefined
  const env = environment(database?.url)
  try {
    await runBlocks(page, projectOf(page), env)
    if (database) await runStatements(page, database.url)
  } finally {
    await database?.drop()
  }
}

async function runBlocks(page: Page, project: PageProject, env: NodeJS.ProcessEnv): Promise<void> {
  for (const printed of await project.runModule(env)) expectPrinted(page, printed)
  for (const block of commandBlocks(page)) expectPrinted(page, await project.runCommands(block, env))
}

function environment(databaseUrl: string | undefined): NodeJS.ProcessEnv {
  const { MILLRACE_STORAGE: _, DATABASE_URL: __, FORCE_COLOR: ___, ...inherited } = process.env
  return {
    NODE_COMPILE_CACHE: join(repository, 'node_modules/.cache/docs'),
    ...inherited,
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
  }
}

async function runStatements(page: Page, url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    for (const { lines, line } of statementBlocks(page)) {
      await client.query(lines.join('\n')).catch((error: unknown) => {
        throw new Error(`${page.path}:${line}: ${String(error)}`, { cause: error })
      })
    }
  } finally {
    await client.end()
  }
}

/** In what a page says that is printed, `…` stands for anything within a line. */
function expectPrinted(page: Page, { block, output }: Printed): void {
  const prints = printsOf(page, block)
  const said = prints === null ? '' : prints.lines.join('\n')
  const pattern = said.split('…').map((text) => RegExp.escape(text))
  if (new RegExp(`^${pattern.join('.*')}$`).test(output.trimEnd())) return
  expect(output.trimEnd(), `${page.path}:${prints?.line ?? block.line}: what the block prints`).toBe(said)
}

function projectOf({ path }: Page): PageProject {
  const project = projects.get(path)
  if (project === undefined) throw new Error(`there is no page ${path}`)
  return project
}

describe('the check itself finds', () => {
  const sampleOf = (...blocks: string[]): Page =>
    parsePage('docs/sample.md', ['# Sample', ...blocks].join('\n'))

  interface Sample {
    readonly what: string
    readonly page: Page
    readonly types: RegExp
    readonly run: RegExp
  }
  const well = /^$/
  const samples: readonly Sample[] = [
    {
      what: 'a wrong type',
      page: sampleOf('```ts', 'const n: number = "x"', '```'),
      types: /^docs\/sample\.md:3: Type 'string'/,
      run: well,
    },
    {
      what: 'a throw',
      page: sampleOf('```ts', '', 'throw new Error("no")', '```'),
      types: well,
      run: /docs\/sample\.md:4\b/,
    },
    {
      what: 'another output',
      page: sampleOf('```ts', 'console.log(1)', '```', '```text prints', '2', '```'),
      types: well,
      run: /docs\/sample\.md:6: what the block prints/,
    },
    {
      what: 'output that is not told',
      page: sampleOf('```ts', 'console.log(1)', '```'),
      types: well,
      run: /docs\/sample\.md:3: what the block prints/,
    },
    {
      what: 'a bad fragment',
      page: sampleOf('```ts fragment', 'await mill.enqueu()', '```'),
      types: /^docs\/sample\.md:3: .*enqueu/,
      run: well,
    },
    {
      what: 'a command that fails',
      page: sampleOf('```sh', 'millrace jobs cuonts', '```'),
      types: well,
      run: /docs\/sample\.md:3: ended with exit code 2/,
    },
    {
      what: 'nothing in a good page',
      page: sampleOf('```ts', 'console.log(1 + 1)', '```', '```text prints', '…', '```'),
      types: well,
      run: well,
    },
  ]
  const made = samples.map((sample) => ({ ...sample, project: new PageProject(sample.page) }))
  let program: ReturnType<typeof createProgram>

  beforeAll(() => {
    program = createProgram(made.flatMap(({ project }) => project.sources))
  }, 60_000)

  afterAll(async () => {
    for (const { project } of made) await project.remove()
  })

  test.for(made)('$what', async ({ page, project, types, run }) => {
    const problems = project.sources.flatMap((source) => problemsOf(program, source))
    expect(problems.map((problem) => project.inPlaces(problem)).join('\n')).toMatch(types)
    const failure = await runBlocks(page, project, environment(undefined)).then(() => '', String)
    expect(failure).toMatch(run)
  })

  test('a fence that nobody would run', () => {
    expect(() => sampleOf('```typescript', '```')).toThrow('docs/sample.md:2')
    expect(() => sampleOf('```ts fragmnet', '```')).toThrow('docs/sample.md:2')
    expect(() => sampleOf('  ```ts', '  ```')).toThrow('docs/sample.md:2')
    expect(() => sampleOf('```ts')).toThrow('has no end')
  })
})
