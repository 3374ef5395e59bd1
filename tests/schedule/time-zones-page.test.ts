import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { expect, test } from 'vitest'
import { nextFires } from '../../packages/millrace/src/tools/schedule/cron/next.ts'
import { parseCron } from '../../packages/millrace/src/tools/schedule/cron/parse.ts'
import { changes, shown } from './oracle/clock.ts'

const path = join(import.meta.dirname, '../../docs/time-zones.md')

/** Years that are over, so that no government can change the table. */
const places: readonly (readonly [zone: string, year: number])[] = [
  ['Europe/Berlin', 2025],
  ['America/New_York', 2025],
  ['America/Sao_Paulo', 2018],
  ['America/Havana', 2025],
  ['Australia/Lord_Howe', 2025],
  ['Pacific/Auckland', 2025],
  ['Pacific/Apia', 2011],
  ['Africa/Casablanca', 2025],
  ['Antarctica/Troll', 2025],
]
const day = 86_400_000

const utc = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')}Z`
/** What clocks show, `2025-03-30 03:00`. */
const local = (civilMinute: number): string => utc(civilMinute * 60_000).slice(0, -1)

test('the table of docs/time-zones.md is what the code does; vitest -u writes it', async () => {
  const page = readFileSync(path, 'utf8')
  const rows = places.flatMap(([zone, year]) =>
    changes(zone, Date.UTC(year, 0), Date.UTC(year + 1, 0)).map((minute) => row(zone, minute)),
  )
  expect(rows.length).toBeGreaterThan(16)
  const table = [
    '| zone | clocks | daily at | fires | `0 30 * * * ?` | `0 0/15 * * * ?` |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ]
  const made = page.replace(
    /(<!-- made by \S+ -->\n)[^]*(?=<!-- end -->)/,
    (_, start: string) => `${start}\n${table.join('\n')}\n\n`,
  )
  const wanted = await format(made, { ...(await resolveConfig(path)), parser: 'markdown' })
  await expect(wanted).toMatchFileSnapshot(path)
})

function row(zone: string, minute: number): string {
  const at = minute * 60_000
  // What clocks would show without the change, and what they show.
  const [before, after] = [shown(zone, minute - 1) + 1, shown(zone, minute)]
  const [low, high] = [Math.min(before, after), Math.max(before, after)]
  const middle = low + Math.floor((high - low) / 2)
  const [hour, past] = [Math.floor((middle % 1440) / 60), middle % 60]
  const fires = (text: string): readonly number[] =>
    nextFires(parseCron(text, 'extended'), zone, at - day, { count: 1_000, end: at + day })
  // The day of the change alone: its neighbours fire as ever.
  const date = new Date(middle * 60_000)
  const daily = fires(`0 ${past} ${hour} ${date.getUTCDate()} ${date.getUTCMonth() + 1} ?`)
  const cells = [
    zone,
    `${after > before ? 'skipped' : 'twice'} ${local(low)} to ${local(high).slice(after - before >= 1440 ? 0 : 11)}`,
    local(middle).slice(11),
    daily.map((ms) => `${utc(ms)} (${local(shown(zone, ms / 60_000)).slice(11)})`).join(', '),
    fires('0 30 * * * ?').length,
    fires('0 0/15 * * * ?').length,
  ]
  return `| ${cells.join(' | ')} |`
}
