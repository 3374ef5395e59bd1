/** The first word of a statement, lower case; '' if it begins with none. Skips white space, comments and lone `;`. */
export function firstKeyword(sql: string): string {
  return words(sql, 1)[0] ?? ''
}

/**
 * Whether a statement begins, ends or prepares a transaction. Savepoints do not, nor does `rollback to` one. For one
 * statement at a time; on PostgreSQL, which has no authorizer to ask.
 */
export function isTransactionStatement(sql: string): boolean {
  const [first, second, third] = words(sql, 3)
  switch (first) {
    case 'begin':
    case 'start':
    case 'commit':
    case 'end':
    case 'abort':
      return true
    case 'prepare':
      return second === 'transaction'
    case 'rollback':
      return second !== 'to' && !((second === 'work' || second === 'transaction') && third === 'to')
    default:
      return false
  }
}

function words(sql: string, count: number): string[] {
  const found: string[] = []
  let at = 0
  while (found.length < count) {
    at = skipBlank(sql, at, found.length === 0)
    const word = /[a-z_]\w*/iy
    word.lastIndex = at
    const [text] = word.exec(sql) ?? []
    if (text === undefined) break
    found.push(text.toLowerCase())
    at = word.lastIndex
  }
  return found
}

/** The index of what is no white space, no comment, and at the beginning no empty statement. */
function skipBlank(sql: string, start: number, skipSemicolons: boolean): number {
  const blank = skipSemicolons ? /(?:[\s;\ufeff]+|--[^\r\n]*)*/y : /(?:\s+|--[^\r\n]*)*/y
  let at = start
  for (;;) {
    blank.lastIndex = at
    blank.exec(sql)
    at = blank.lastIndex
    if (!sql.startsWith('/*', at)) return at
    at = endOfComment(sql, at)
  }
}

/** Block comments nest on PostgreSQL; one that never ends reaches to the end of the text. */
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return sql.length
}
