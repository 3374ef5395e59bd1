import { PostgresQueryCompiler, SqliteQueryCompiler, createQueryId, sql, type RawBuilder } from 'kysely'
import type { Statement } from '../database.ts'

/** A piece of a statement: text of the compiler's own, quoted identifiers and parameters. A user's value can only be a parameter. */
export type Sql = RawBuilder<unknown>

/** Stands for a parameter until the text is cut there; a NUL is in no identifier and in no text of the compiler's. */
const placeholder = '\0'

class PostgresText extends PostgresQueryCompiler {
  override getCurrentParameterPlaceholder(): string {
    return placeholder
  }
}
class SqliteText extends SqliteQueryCompiler {
  override getCurrentParameterPlaceholder(): string {
    return placeholder
  }
}

const texts = { postgres: new PostgresText(), sqlite: new SqliteText() }
const queryId = createQueryId()

export function toStatement(piece: Sql, kind: 'sqlite' | 'postgres'): Statement {
  const compiled = texts[kind].compileQuery(piece.toOperationNode(), queryId)
  return { segments: compiled.sql.split(placeholder), params: compiled.parameters }
}

export const list = (pieces: readonly Sql[]): Sql => sql.join(pieces)

/** All of them, true when there is none. */
export const all = (pieces: readonly Sql[]): Sql =>
  pieces.length === 0 ? sql`true` : joined(pieces, sql` and `)

/** One of them, false when there is none. */
export const some = (pieces: readonly Sql[]): Sql =>
  pieces.length === 0 ? sql`false` : joined(pieces, sql` or `)

/** More than these are joined by halves: SQLite takes expressions up to a depth of 1,000, and reads `a and b and c` as one of two. */
const flatAtMost = 100

function joined(pieces: readonly Sql[], separator: Sql): Sql {
  const [only] = pieces
  if (pieces.length === 1 && only !== undefined) return only
  if (pieces.length <= flatAtMost) return sql`(${sql.join(pieces, separator)})`
  const half = Math.ceil(pieces.length / 2)
  return sql`(${joined(pieces.slice(0, half), separator)}${separator}${joined(pieces.slice(half), separator)})`
}
