import { inTurn } from '../trigger/turn.ts'
import type { Place } from './conditions.ts'
import type { Item, RecordId } from './item.ts'
import { postgresTable } from './postgres-table.ts'

/** As PostgreSQL writes an uuid. */
const canonical = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** As it reads one: in either case, hyphens after any four digits, or braces around it. */
const digits = '[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}'
const spelled = new RegExp(`^(?:${digits}|\\{${digits}\\})$`, 'i')

/**
 * Ids as PostgreSQL writes them where their column is of type uuid: it takes several spellings for one id, while duplicates, order and the
 * records of triggers go by the text. Asks the database only when one is spelled otherwise.
 */
export async function canonicalIds(
  { database, object }: Place,
  items: readonly Pick<Item, 'id'>[],
): Promise<void> {
  if (database.kind === 'sqlite' || object.idField.numeric) return
  const odd = items.filter(({ id }) => typeof id === 'string' && !canonical.test(id) && spelled.test(id))
  if (odd.length === 0) return
  const { typeOf } = await inTurn(database, () => postgresTable(database, object))
  if (typeOf(object.idField.column) !== 'pg_catalog.uuid') return
  for (const item of odd) item.id = written(item.id)
}

function written(id: RecordId | null): string {
  const hex = String(id).toLowerCase().replace(/[{}-]/g, '')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
