import { describeValue } from '../../kernel/rules/describe-value.ts'
import type { Query } from '../query/query.ts'
import { judge } from './grammar.ts'
import { outline } from './outline.ts'
import { syntaxError } from './syntax-error.ts'
import { tokenize } from './token.ts'
import { TreeReader } from './tree.ts'

/** Most characters of a query, as in Salesforce. */
export const longestQuery = 100_000

/**
 * Reads SOQL text into a query tree; nothing is looked up or run. A bind's name is its expression as written, without white space:
 * `:account.Id` is 'account.Id', `:Trigger.newMap.keySet()` is 'Trigger.newMap.keySet()'.
 *
 * Throws MILL_SOQL_SYNTAX with line, column and what was expected (`data`), and MILL_SOQL_UNSUPPORTED for what Salesforce has and
 * Millrace has not; nothing else, whatever the text.
 */
export function parseSoql(text: string): Query {
  return parseWithGaps(text, [])
}

/** As `parseSoql`, with values of a template at the offsets `gaps`: they are scalars `{ kind: 'value', value: <number of the gap> }`. */
export function parseWithGaps(text: string, gaps: readonly number[]): Query {
  if (typeof text !== 'string') throw syntaxError('', 0, describeValue(text), ['SOQL as text'])
  if (text.length > longestQuery)
    throw syntaxError('', 0, `${text.length} characters`, [`at most ${longestQuery}`])
  const tokens = tokenize(text, gaps)
  const { pieces, conditions, allRows } = outline(text, tokens)
  const query = new TreeReader(text, tokens, conditions).query(judge(text, tokens, pieces))
  return allRows ? { ...query, allRows } : query
}
