import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { LogEntry } from './entry.ts'
import { logLevels, type LogLevel } from './level.ts'
import { createLogger, type Logger, type LoggerOptions } from './logger.ts'

function logging(options: Partial<LoggerOptions> = {}): { log: Logger; entries: LogEntry[] } {
  const entries: LogEntry[] = []
  const log = createLogger({
    sink: (entry) => void entries.push(entry),
    threshold: 'FINEST',
    now: () => 7,
    ...options,
  })
  return { log, entries }
}

const levels = Object.keys(logLevels) as LogLevel[]

describe('levels', () => {
  test.for(levels.map((level, index) => [level, index] as const))('from %s upwards', ([threshold, index]) => {
    const { log, entries } = logging({ threshold })
    log.error('m')
    log.warn('m')
    log.info('m')
    log.debug('m')
    log.fine('m')
    log.finer('m')
    log.finest('m')
    const open = levels.slice(0, index + 1)
    expect(entries.map(({ level }) => level)).toEqual(open)
    expect(levels.filter((level) => log.isEnabled(level))).toEqual(open)
  })

  test('an entry has what was given and nothing else', () => {
    const source = { jobId: 'j', seq: 0, attempt: 1, name: 'work', tenant: 'acme' }
    const { log, entries } = logging({ source })
    log.info('done')
    expect(entries).toStrictEqual([{ at: 7, level: 'INFO', message: 'done', tags: [], source }])
  })
})

describe('templates', () => {
  const cycle: unknown[] = []
  cycle.push(cycle)
  test.for<[template: string, args: readonly unknown[], message: string]>([
    ['{0} of {1}', [1, 2], '1 of 2'],
    ['{1}, {0}, {1}', ['a', 'b'], 'b, a, b'],
    ['{0} {1} {x} {}', ['a'], 'a {1} {x} {}'],
    ['{0}', ['$& {0}'], '$& {0}'],
    ['{0} {1} {2}', [null, undefined, true], 'null undefined true'],
    ['{0}', [new Date(0)], '1970-01-01T00:00:00.000Z'],
    ['{0}', [new Error('no luck')], 'no luck'],
    ['{0}', [{ a: [1, 2n] }], '{"a":[1,"2"]}'],
    ['{0}', [cycle], '[object Array]'],
    ['{0}', [new Date(NaN)], 'Invalid Date'],
    ['{0}', [[1, 2]], '[1,2]'],
    ['none', [1], 'none'],
  ])('%s', ([template, args, message]) => {
    const { log, entries } = logging()
    log.info(template, args)
    expect(entries[0]).toStrictEqual({ at: 7, level: 'INFO', message, tags: [] })
  })

  test('without arguments a template stays as it is', () => {
    const { log, entries } = logging()
    log.info('{0}')
    log.info('{0}', null)
    expect(entries.map(({ message }) => message)).toEqual(['{0}', '{0}'])
  })
})

describe('details', () => {
  test('an error, with its causes and code', () => {
    const { log, entries } = logging()
    const error = new MillraceError('MILL_TIMEOUT', 'late', { cause: new TypeError('why') })
    log.error('failed', error)
    log.warn('failed', { error })
    for (const entry of entries)
      expect(entry.error).toMatchObject({
        name: 'MillraceError',
        code: 'MILL_TIMEOUT',
        message: 'late',
        stack: expect.stringContaining('late') as string,
        cause: { name: 'TypeError', message: 'why' },
      })
    expect(entries.map(({ message }) => message)).toEqual(['failed', 'failed'])
  })

  test('what is no Error, and no error at all', () => {
    const { log, entries } = logging()
    log.error('failed', { error: 'text' })
    log.error('failed', null)
    expect(entries[0]?.error).toMatchObject({ name: 'NonError', code: 'MILL_HANDLER_THREW' })
    expect(entries[1]).not.toHaveProperty('error')
  })

  test('record, tags and fields', () => {
    const { log, entries } = logging()
    log.fine('saved', { recordId: 'r', tags: ['t'], fields: { a: 1 } })
    expect(entries).toStrictEqual([
      { at: 7, level: 'FINE', message: 'saved', tags: ['t'], recordId: 'r', fields: { a: 1 } },
    ])
  })
})

test('failures(): one entry for each row that failed', () => {
  const { log, entries } = logging({ threshold: 'WARN' })
  const one = { success: false, id: 'r1', errors: ['no'] }
  const two = { success: false, id: null }
  const three = { success: false, id: 3 }
  log.failures('WARN', 'not saved', [{ success: true, id: 'r0' }, one, two, three])
  expect(entries).toStrictEqual([
    { at: 7, level: 'WARN', message: 'not saved', tags: [], recordId: 'r1', results: [one] },
    { at: 7, level: 'WARN', message: 'not saved', tags: [], results: [two] },
    { at: 7, level: 'WARN', message: 'not saved', tags: [], recordId: '3', results: [three] },
  ])
  log.failures('ERROR', 'not saved', [{ success: true }])
  log.failures('INFO', 'not saved', [one])
  expect(entries).toHaveLength(3)
})

test('rethrow() logs at ERROR and throws the very same', () => {
  const { log, entries } = logging()
  for (const thrown of [new Error('no luck'), 'text', undefined]) {
    let caught: unknown = 'nothing'
    try {
      log.rethrow('failed', thrown)
    } catch (error) {
      caught = error
    }
    expect(caught).toBe(thrown)
  }
  expect(entries.map(({ level, message }) => `${level} ${message}`)).toEqual(Array(3).fill('ERROR failed'))
  expect(entries[0]?.error).toMatchObject({ message: 'no luck' })
})

test('scenarios nest, over the one of the execution', () => {
  const { log, entries } = logging({ scenario: 'shop' })
  log.info('1')
  log.setScenario('order')
  log.setScenario('pay')
  log.info('2')
  log.endScenario()
  log.info('3')
  log.endScenario()
  log.info('4')
  log.endScenario()
  log.endScenario()
  log.info('5')
  expect(entries.map(({ scenario }) => scenario)).toEqual(['shop', 'pay', 'order', 'shop', undefined])
})

test('tags stay for what follows, before those of the entry', () => {
  const { log, entries } = logging()
  log.info('1')
  log.addTag('a', 'b')
  log.info('2', { tags: ['c'] })
  log.addTag('d')
  log.info('3')
  log.save()
  expect(entries.map(({ tags }) => tags)).toEqual([[], ['a', 'b', 'c'], ['a', 'b', 'd']])
})
