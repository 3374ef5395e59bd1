import { meant } from '../../kernel/rules/nearest-name.ts'
import { dateLiteralKind } from '../query/date-literal.ts'
import type { Scalar } from '../query/query.ts'

const spans = ['WEEK', 'MONTH', 'QUARTER', 'YEAR', 'FISCAL_QUARTER', 'FISCAL_YEAR']
/** For the nearest name. */
const names = [
  ...['YESTERDAY', 'TODAY', 'TOMORROW', 'LAST_90_DAYS', 'NEXT_90_DAYS'],
  ...spans.flatMap((span) => [`LAST_${span}`, `THIS_${span}`, `NEXT_${span}`]),
  ...['DAY', ...spans].flatMap((span) => [`LAST_N_${span}S`, `NEXT_N_${span}S`, `N_${span}S_AGO`]),
]
/** Beyond some thousand years there are no days. */
const most = 999_999

type DateLiteral = Extract<Scalar, { readonly kind: 'dateLiteral' }>

/** A relative date as SOQL has it, in any case; what is wrong with it; or undefined when the text is no such thing. */
export function parseRelativeDate(text: string): DateLiteral | { readonly problem: string } | undefined {
  const [, word, count] = /^([a-z][a-z0-9_]*)(?::(.*))?$/i.exec(text.trim()) ?? []
  if (word === undefined) return undefined
  const name = word.toUpperCase()
  switch (dateLiteralKind(name)) {
    case 'plain':
      return count === undefined ? { kind: 'dateLiteral', name } : { problem: `${name} takes no number` }
    case 'counted':
      return count !== undefined && /^\d{1,6}$/.test(count)
        ? { kind: 'dateLiteral', name, n: Number(count) }
        : { problem: `${name} needs a whole number from 0 to ${most} (${name}:7)` }
    default:
      return { problem: `${name} is no relative date${meant(name, names)}` }
  }
}
