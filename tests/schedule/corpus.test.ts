import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../packages/millrace/src/kernel/rules/errors.ts'
import type { Cron, CronMode } from '../../packages/millrace/src/tools/schedule/cron/cron.ts'
import { nextFires } from '../../packages/millrace/src/tools/schedule/cron/next.ts'
import { parseCron } from '../../packages/millrace/src/tools/schedule/cron/parse.ts'
import { corpus } from '../support/corpus.ts'
import { Expression } from './oracle/expression.ts'
import { firesAfter } from './oracle/fires.ts'

interface Line {
  readonly expression: string
  readonly documentedGrammar: boolean
  readonly breaks?: string
}

const lines = readFileSync(join(corpus ?? '', 'cron/expressions.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)

/** The grammar has L in a list; Salesforce calls the outcome unexpected, so we refuse it (semantics SC-09). */
const lInList = (text: string): boolean => /,L\b/i.test(text)

const outcomeOf = (text: string, mode: CronMode): Cron | MillraceError => {
  try {
    return parseCron(text, mode)
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  }
}

describe('expressions that people wrote', () => {
  it('all are there', () => {
    expect(lines).toHaveLength(181)
  })

  it.each(lines)(
    '$expression is read or refused as the documented grammar says',
    ({ expression, ...line }) => {
      const outcome = outcomeOf(expression, 'salesforce')
      if (line.documentedGrammar && !lInList(expression)) {
        expect(outcome).not.toBeInstanceOf(Error)
        return
      }
      const { code, data, message } = outcome as MillraceError
      expect(code).toBe('MILL_CRON_INVALID')
      expect(message).toContain(String(data['rule']))
      if (lInList(expression)) expect(data['rule']).toMatch(/^L stands alone/)
      else expect(`${line.breaks} `).toContain(`${String(data['field'])} `)
    },
  )

  it.each(['salesforce', 'extended'] as const)(
    '%s: what is read has the right next ten fires',
    { timeout: 120_000 },
    (mode) => {
      let read = 0
      for (const { expression } of lines) {
        const cron = outcomeOf(expression, mode)
        if (cron instanceof Error) continue
        read++
        for (const [zone, after] of [
          ['America/Los_Angeles', Date.UTC(2026, 2, 6, 12)],
          ['Europe/Berlin', Date.UTC(2001, 9, 27, 3)],
        ] as const) {
          const wanted = firesAfter(new Expression(expression), zone, after / 1000, 10)
          expect(nextFires(cron, zone, after, { count: 10 }), `${expression} in ${zone}`).toEqual(wanted.map((s) => s * 1000)) // prettier-ignore
        }
      }
      expect(read).toBeGreaterThan(mode === 'salesforce' ? 100 : 120)
    },
  )
})
