import { expect, test } from 'vitest'
import type { Aside } from '../../kernel/storage/states.ts'
import { setAsideOf, storeRecords } from './asides.ts'
import { csvLine } from './csv.ts'
import { gatherColumns, headerOf, readFailedFile, rowsOf, splitAside } from './failed-file.ts'

const aside = (number: number, records: string, count = 1): Aside => ({
  ...{ number, seq: 1, records, count, tries: 1, by: null, at: 0 },
  error: { name: 'Error', code: 'E_BAD', message: '=cmd|bad, "really"' },
})
const rows = [
  { Name: 'ok', N: 1, At: new Date(0), Big: 5n, On: true, List: [1], None: null },
  { Name: '=1+1', N: -2.5, At: new Date(1_000), Big: -7n, On: false, List: [], None: null },
]
const ofRecords = aside(3, storeRecords(rows, 'test'), 2)
const ofIds = aside(4, JSON.stringify(['a', 'b', 'c']), 3)

function fileOf(...asides: Aside[]): string[][] {
  const columns = new Set<string>()
  for (const one of asides) gatherColumns(one, columns)
  return [headerOf(columns), ...asides.flatMap((one) => rowsOf(one, columns))].map((cells) => [...cells])
}
const read = (file: string[][], ...asides: Aside[]) =>
  readFailedFile(file.map(csvLine).join(''), new Map(asides.map((one) => [one.number, one])))
const problemsOf = (file: string[][] | string, ...asides: Aside[]) => {
  try {
    const text = typeof file === 'string' ? file : file.map(csvLine).join('')
    readFailedFile(text, new Map(asides.map((one) => [one.number, one])))
  } catch (error) {
    return (error as { data: { problems: { line: number; message: string }[] } }).data.problems
  }
  throw new Error('it was taken')
}

test('a file that nobody changed chooses all, as they were', () => {
  const [first, second] = read(fileOf(ofRecords, ofIds), ofRecords, ofIds)
  expect([...(first?.records.values() ?? [])]).toEqual(rows)
  expect([...(second?.records.values() ?? [])]).toEqual([{ Id: 'a' }, { Id: 'b' }, { Id: 'c' }])
})

test('nothing in the file is a formula, and numbers stay numbers', () => {
  const file = fileOf(ofRecords)
  expect(file[2]?.slice(1)).toEqual([
    'E_BAD',
    '\'=cmd|bad, "really"',
    '1',
    "'=1+1",
    '-2.5',
    '1970-01-01T00:00:01.000Z',
    '-7',
    'false',
    '[]',
    '',
  ])
})

test('a changed value is of the kind of the one it replaces', () => {
  const file = fileOf(ofRecords)
  const set = (at: number, name: string, cell: string) => {
    file[at]![file[0]!.indexOf(name)] = cell
  }
  for (const [name, cell] of Object.entries({
    ...{ Name: "'=2", N: '7', At: '2030-01-01T00:00:00Z', Big: '8', On: 'FALSE', List: '[2]', None: 'x' },
  }))
    set(1, name, cell)
  set(2, 'N', '')
  expect([...(read(file, ofRecords)[0]?.records.values() ?? [])]).toEqual([
    { Name: '=2', N: 7, At: new Date('2030-01-01'), Big: 8n, On: false, List: [2], None: 'x' },
    { ...rows[1], N: null },
  ])
})

test('a part is chosen, the rest stays; what is not chosen is untouched', () => {
  const file = fileOf(ofIds)
  const [chosen] = read([file[0]!, file[2]!], ofIds)
  const { chosen: part, rest } = splitAside(ofIds, chosen!, 'test')
  expect(setAsideOf(part.records)).toEqual({ kind: 'ids', ids: ['b'] })
  expect(setAsideOf(rest!.records)).toEqual({ kind: 'ids', ids: ['a', 'c'] })
  const whole = splitAside(ofRecords, read(fileOf(ofRecords), ofRecords)[0]!, 'test')
  expect(whole.rest).toBeNull()
  const range = aside(5, JSON.stringify({ after: null, upTo: 9 }), 9)
  const ofRange = read(fileOf(range), range)[0]!
  expect(splitAside(range, ofRange, 'test')).toEqual({ chosen: range, rest: null })
})

test('what cannot be is told with its lines, all at once', () => {
  const file = fileOf(ofRecords, ofIds)
  const edited = (edit: (file: string[][]) => void) => {
    const copy = file.map((cells) => [...cells])
    edit(copy)
    return problemsOf(copy, ofRecords, ofIds)
  }
  const at = (name: string) => file[0]!.indexOf(name)
  expect(problemsOf('', ofIds)).toMatchObject([{ line: 1, message: 'the file is empty' }])
  expect(problemsOf([file[0]!], ofIds)).toMatchObject([{ line: 2 }])
  expect(problemsOf('a;b\n1;2', ofIds)).toMatchObject([
    { message: expect.stringContaining('semicolons') as string },
  ])
  expect(problemsOf('a,b\n1,2', ofIds)).toMatchObject([
    { message: expect.stringContaining('_record') as string },
  ])
  expect(problemsOf('_record,_record\n1,2', ofIds)).toMatchObject([{ line: 1 }])
  expect(
    edited((copy) => {
      copy[1]![at('N')] = '0x10'
      copy[2]![at('At')] = 'tomorrow'
      copy[3]![at('Id')] = 'z'
      copy[4]!.push('more')
      copy[5]![0] = copy[3]![0]!
    }),
  ).toMatchObject([
    { line: 2, message: 'N "0x10" is no number' },
    { line: 3, message: 'At "tomorrow" is no instant' },
    { line: 4, message: expect.stringContaining('Id cannot be changed') as string },
    { line: 5, message: expect.stringContaining('cells') as string },
    { line: 6, message: expect.stringContaining('twice') as string },
    { line: 6 },
  ])
  expect(edited((copy) => (copy[1]![at('Name')] = 'a\0b'))).toMatchObject([{ line: 2 }])
  expect(edited((copy) => (copy[1]![at('List')] = '{'))).toMatchObject([{ line: 2 }])
  expect(edited((copy) => (copy[1]![at('On')] = 'constructor'))).toMatchObject([{ line: 2 }])
  expect(edited((copy) => (copy[3]![0] = '4/0/000000000000'))).toMatchObject([{ line: 4 }])
  expect(edited((copy) => (copy[3]![0] = '99/0/000000000000'))).toMatchObject([{ line: 4 }])
  expect(edited((copy) => (copy[3]![0] = '__proto__'))).toMatchObject([{ line: 4 }])
})

test('a column of the name __proto__ changes no prototype', () => {
  const odd = aside(6, storeRecords([JSON.parse('{"__proto__x":1,"N":1}') as object], 'test'))
  const file = fileOf(odd)
  file[0]!.push('__proto__')
  file[1]!.push('{"polluted":true}')
  const [chosen] = read(file, odd)
  const [record] = [...(chosen?.records.values() ?? [])]
  expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})
