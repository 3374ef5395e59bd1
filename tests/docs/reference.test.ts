import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { parseDuration } from '../../packages/millrace/src/kernel/rules/duration.ts'
import { settingsOf } from '../../packages/millrace/src/mill/settings.ts'
import { errorRegistry } from '../../packages/millrace/src/index.ts'
import { readPages, repository, tableRows, type Page } from './page.ts'
import { createProgram } from './type-check.ts'

const pages = new Map(readPages().map((page) => [page.path, page]))

function pageOf(path: string): Page {
  const page = pages.get(path)
  if (page === undefined) throw new Error(`there is no page ${path}`)
  return page
}

test('docs/errors.md has every code of the registry, as it stands there, and no other', () => {
  const told = tableRows(pageOf('docs/errors.md'), 'code')
  const known = Object.entries(errorRegistry).map(([code, { meaning, fix, retryable }]) => {
    return [code, meaning, fix, retryable ? 'yes' : 'no']
  })
  expect(told).toEqual(known)
})

test('every code that a page names exists', () => {
  const named = [...pages.values()].flatMap(({ path, lines }) =>
    lines.flatMap((line, index) =>
      [...line.matchAll(/\bMILL_[A-Z_]*[A-Z]\b(?!_)/g)].map(([code]) => ({
        code,
        at: `${path}:${index + 1}`,
      })),
    ),
  )
  expect(named.filter(({ code }) => !Object.hasOwn(errorRegistry, code))).toEqual([])
})

describe('docs/configuration.md', () => {
  const rows = tableRows(pageOf('docs/configuration.md'), 'field')

  test('has every field of MillConfig, and no other', () => {
    expect(rows.map(([field]) => field).sort()).toEqual(configFields().sort())
  })

  test('tells the defaults that an empty configuration has', () => {
    const settings = settingsOf({})
    const { retention } = settings
    const expected: Readonly<Record<string, string | number | boolean>> = {
      storage: `'${settings.storage}'`,
      migrate: settings.migrate,
      concurrency: settings.concurrency,
      lease: settings.leaseMs,
      blockedLimit: settings.blockedLimitMs,
      timeout: settings.timeoutMs,
      writeTimeout: settings.writeTimeoutMs,
      shutdown: settings.shutdownMs,
      abortGrace: settings.abortGraceMs,
      maxDeaths: settings.maxDeaths,
      'retention.completed': retention.completedMs,
      'retention.failed': retention.failedMs,
      maxPayloadBytes: settings.maxPayloadBytes,
      maxResultBytes: settings.maxResultBytes,
      patience: settings.patienceMs,
      'postgres.queryTimeout': settings.queryTimeoutMs,
      'records.timeZone': `'${settings.records.timeZone}'`,
      'records.fiscalYearStart': settings.records.fiscalYearStart,
      'records.maxRows': settings.records.maxRows,
      'records.queryTimeout': settings.records.queryTimeoutMs,
      environment: `'${settings.environment}'`,
    }
    const told = new Map(rows.map(([field = '', value = '']) => [field, value.replaceAll('`', '')]))
    for (const [field, value] of Object.entries(expected)) {
      const text = told.get(field) ?? ''
      const duration = /^'(\d+ [a-z]+)'$/.exec(text)?.[1]
      expect({ [field]: duration === undefined ? text : String(parseDuration(duration, field)) }).toEqual({
        [field]: String(value),
      })
    }
    expect(told.get('postgres.poolSize')).toBe('concurrency + 4, at most 40')
    for (const concurrency of [1, 10, 36, 37]) {
      expect(settingsOf({ concurrency }).poolSize).toBe(Math.min(40, concurrency + 4))
    }
  })
})

describe('links', () => {
  const anchors = new Map([...pages].map(([path, page]) => [path, anchorsOf(page)]))

  test.for([...pages.values()])('of $path lead somewhere', ({ path, lines }) => {
    const broken = lines.flatMap((line, index) =>
      [...line.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
        if (/^https?:/.test(target)) return []
        const [file = '', anchor] = target.split('#')
        const to = file === '' ? path : join(dirname(path), file).replaceAll('\\', '/')
        const there = existsSync(join(repository, to))
        const known = anchor === undefined || anchors.get(to)?.has(anchor) === true
        return there && known ? [] : [`${path}:${index + 1}: ${target}`]
      }),
    )
    expect(broken).toEqual([])
  })

  test('lead from the map to every page', () => {
    const map = pageOf('docs/index.md').lines.join('\n')
    const missing = [...pages.keys()].filter(
      (path) =>
        path.startsWith('docs/') &&
        path !== 'docs/index.md' &&
        !map.includes(`](${path.slice('docs/'.length)})`),
    )
    expect(missing).toEqual([])
  })
})

test('every npm script that a page names exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...pages.values()].flatMap(({ lines }) =>
    lines.flatMap((line) =>
      [...line.matchAll(/\bnpm (?:run (?:-s )?)?(start|test|(?<=run (?:-s )?)[\w:-]+)/g)].map(
        ([, name = '']) => name,
      ),
    ),
  )
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
})

/** As GitHub makes them of headings. */
function anchorsOf({ lines, blocks }: Page): Set<string> {
  const code = new Set(
    blocks.flatMap(({ line, lines: { length } }) => Array.from({ length }, (_, at) => line + at)),
  )
  const found = new Set<string>()
  lines.forEach((line, index) => {
    const heading = code.has(index + 1) ? undefined : /^#{1,6} (.*)$/.exec(line)?.[1]
    if (heading === undefined) return
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    found.add(plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-'))
  })
  return found
}

/** The fields of MillConfig with dots, `<name>` for what the application names. */
function configFields(): string[] {
  const file = join(repository, 'packages/millrace/src/mill/config.ts')
  const program = createProgram([file])
  const checker = program.getTypeChecker()
  const found: string[] = []

  function walk(type: ts.Type, prefix: string): void {
    for (const property of checker.getPropertiesOfType(type)) {
      const name = `${prefix}${property.name}`
      const inner = checker.getNonNullableType(checker.getTypeOfSymbol(property))
      const values = inner.getStringIndexType()
      if (values) walk(values, `${name}.<name>.`)
      else if (isGroup(inner)) walk(inner, `${name}.`)
      else found.push(name)
    }
  }

  /** An object written out in place; what has a name of its own has a page of its own. */
  function isGroup(type: ts.Type): boolean {
    return type.symbol?.flags === ts.SymbolFlags.TypeLiteral && type.getCallSignatures().length === 0
  }

  program.getSourceFile(file)?.forEachChild((node) => {
    if (ts.isInterfaceDeclaration(node) && node.name.text === 'MillConfig')
      walk(checker.getTypeAtLocation(node), '')
  })
  return found
}
