import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csvLine, parseCsv, textOfCsv } from './csv.ts'

const cellsOf = (text: string) => parseCsv(text).records.map(({ cells }) => cells)

test('what is written is read again, whatever it is', () => {
  const table = fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 5 }), {
    minLength: 1,
  })
  fc.assert(
    fc.property(table, (rows) => {
      const read = parseCsv(rows.map(csvLine).join(''))
      expect(read.problems).toEqual([])
      expect(read.records.map(({ cells }) => cells)).toEqual(rows)
    }),
    { numRuns: 40 },
  )
})

test('a mark of byte order, LF, empty lines and no last line end are fine', () => {
  expect(cellsOf('\uFEFFa,b\n\n1,"x\ny"\r\n2,')).toEqual([
    ['a', 'b'],
    ['1', 'x\ny'],
    ['2', ''],
  ])
  expect(parseCsv('a\n"x\r\ny"\nb').records.map(({ line }) => line)).toEqual([1, 2, 4])
  expect(cellsOf('')).toEqual([])
})

test.each([
  ['a\n"open', 2, 'never closed'],
  ['a\n"x"y', 2, 'behind a closing quote'],
  ['a\nx"y', 2, 'within a cell'],
  ['"a\nb"c', 2, 'behind'],
])('%j is told with its line', (text, line, words) => {
  expect(parseCsv(text).problems).toEqual([{ line, message: expect.stringContaining(words) as string }])
})

test('bytes are UTF-8, cut anywhere', async () => {
  const bytes = new TextEncoder().encode('ä,€')
  expect(await textOfCsv([bytes.slice(0, 1), bytes.slice(1, 4), bytes.slice(4)])).toBe('ä,€')
  expect(await textOfCsv(['a', ',b'])).toBe('a,b')
  await expect(textOfCsv([new Uint8Array([0xff])])).rejects.toMatchObject({ code: 'MILL_BATCH_CSV_INVALID' })
})
